//! Decides which packages an environment gets: requirements files, resolution against the base, explained
//! conflicts, proposals.

pub mod facts;
pub mod input;
pub mod propose;
pub mod requirements;
pub mod resolution;

pub use facts::{Facts, FactsError, FileHash, FileMetadata, Metadata, PackageFile, PackageFiles, Prefetch, Yanked};
pub use input::{BasePolicy, Input, Prerelease};
pub use propose::{propose, propose_cap};
pub use requirements::{Expanded, RequirementsError, expand};
pub use resolution::{Change, Conflict, Pinned, Proposal, Resolution, ResolveError, Warning};

/// Finds packages that satisfy `input`'s requirements against its base.
pub fn resolve(input: &Input, facts: &dyn Facts) -> Result<Resolution, ResolveError> {
    let _ = (input, facts);
    todo!("first commit fixes the interface")
}
