//! Decides which packages an environment gets: requirements files, resolution against the base, explained
//! conflicts, proposals.

mod base;
mod catalogue;
mod explain;
pub mod facts;
mod graph;
pub mod input;
mod policy;
pub mod propose;
mod provider;
pub mod requirements;
pub mod resolution;
mod solve;
mod target;

pub use facts::{
    Facts, FactsError, FileHash, FileMetadata, Metadata, PackageFile, PackageFiles, Prefetch, Yanked,
};
pub use input::{BasePolicy, Input, Prerelease};
pub use propose::{propose, propose_cap};
pub use requirements::{Expanded, RequirementsError, expand};
pub use resolution::{Change, Conflict, Pinned, Proposal, Resolution, ResolveError, Warning};
pub use solve::resolve;
