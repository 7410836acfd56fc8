//! Decides which packages an environment gets: requirements files, resolution against the base, explained
//! conflicts, proposals.
//!
//! Pure: no IO, no clock, no environment variable, no runtime. Files come through a function, indexes through
//! [`Facts`], the target and what is installed through `domain::BaseRecord`.
//!
//! Invariants:
//! - The same [`Input`] and the same facts give the same answer, in whatever order facts list files.
//! - A protected distribution of the base is never replaced: Airflow itself, what its task processes have loaded,
//!   what `--protect` names. Over Airflow 2 a worker process runs in the environment, so there what is loaded may be
//!   replaced, and every environment has mode `process`. Other distributions are replaced only when a requirement forces it, and each
//!   replacement is told ([`Resolution::shadows`]).
//! - Requirements of kept distributions hold; where the base contradicts itself it is warned, not changed.
//! - Nothing in a requirements file is ignored silently: what is not supported is refused with file and line.
//! - A [`Proposal`] was resolved before anybody sees it, and its texts say what its resolution holds.
//!
//! ```
//! use std::collections::BTreeMap;
//! use depcache_resolve::{Expanded, expand, requirements::ReadError};
//!
//! let files = BTreeMap::from([
//!     ("requirements.txt", "-c limits.txt\npandas[excel]>=2.0  # the reports\n"),
//!     ("limits.txt", "numpy<2\n"),
//! ]);
//! let read = |path: &str| files.get(path).map(|text| text.as_bytes().to_vec()).ok_or(ReadError::NotFound);
//! let expanded = expand(&["requirements.txt"], &[], &read, &BTreeMap::new())?;
//! assert_eq!(expanded.requirements[0].requirement.to_string(), "pandas[excel]>=2.0");
//! assert_eq!(expanded.constraints[0].origin.file, "limits.txt");
//!
//! let error = expand(&["limits.txt", "gone.txt"], &[], &read, &BTreeMap::new()).unwrap_err();
//! assert!(error.render().starts_with("gone.txt: cannot read gone.txt: there is no such file"));
//! # Ok::<(), depcache_resolve::RequirementsError>(())
//! ```
//!
//! With facts and a base, [`resolve`] gives a [`Resolution`] or a [`Conflict`] in words, and [`propose`] what to
//! write instead.

mod base;
mod catalogue;
mod departures;
mod direct;
mod explain;
pub mod facts;
mod graph;
mod hash;
pub mod input;
mod policy;
pub mod propose;
mod provider;
pub mod reference;
pub mod requirements;
pub mod resolution;
mod search;
mod solve;
mod target;
pub mod why;

pub use facts::{
    Facts, FactsError, FileMetadata, FilesByVersion, Metadata, PackageFile, PackageFiles, Prefetch, Yanked,
};
pub use hash::{FileHash, FileHashError, HashAlgorithm};
pub use input::{BasePolicy, Input, Prerelease, VersionOrder};
pub use propose::{diff::unified, propose, propose_all, propose_cap, propose_other};
pub use reference::{DirectReference, FileSource, Place};
pub use requirements::{Expanded, RequirementsError, expand, expand_with};
pub use resolution::{Change, Conflict, Departure, Pinned, Proposal, Resolution, ResolveError, Warning};
pub use solve::resolve;
