//! Locks: exactly which files an environment consists of, as PEP 751 `pylock.toml`.
//!
//! A lock's identity covers packages, versions and file hashes, target and base pins, not addresses: the same
//! lock with and without addresses is the same lock.

#![allow(
    clippy::result_large_err,
    reason = "an error ends the whole command; a box would only blur its match arms"
)]

mod beside;
mod difference;
mod inputs;
mod locking;
mod pylock;
mod source;

pub use beside::{Freshness, ReadLockError, folder, path_beside, read};
pub use difference::{Difference, Kind, PackageChange, State};
pub use inputs::LockInputs;
pub use locking::LockError;
pub use pylock::PylockError;
pub use source::{LockedFile, LockedSource};

use std::collections::BTreeMap;

use domain::canonical::CanonicalError;
use domain::environment::Shadow;
use domain::{BaseId, Digest, LockId, Mode, TargetId};

/// What to install, for one base.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// The base it was resolved against.
    pub base_id: BaseId,
    /// The target whose wheels it names.
    pub target_id: TargetId,
    /// `==3.11.*`.
    pub requires_python: String,
    /// How workers may use the environment.
    pub mode: Mode,
    /// Normalised names that the user asked for, sorted.
    pub requested: Vec<String>,
    /// Distributions of the base that are replaced, sorted by name.
    pub shadows: Vec<Shadow>,
    /// Distributions of the base that the requirements reach and that stay: name → version.
    pub kept: BTreeMap<String, String>,
    /// Packages to install, sorted by name.
    pub packages: Vec<LockedPackage>,
    /// What it was made from, when it says so; no part of its identity.
    pub inputs: Option<LockInputs>,
}

/// One package of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedPackage {
    /// Normalised name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Extras that somebody asked for, sorted.
    pub extras: Vec<String>,
    /// Normalised names of what it requires, sorted.
    pub requires: Vec<String>,
    /// Index that offered it, without credentials.
    pub index: Option<String>,
    /// What it is installed from.
    pub source: LockedSource,
    /// What was resolved with: for a wheel sha256 of its METADATA, for sources [`crate::source::metadata_digest`]. The
    /// wheel that is used must say the same.
    pub metadata_sha256: Option<Digest>,
}

impl Lock {
    /// The lock's identity.
    pub fn id(&self) -> Result<LockId, CanonicalError> {
        let packages: Vec<_> = self
            .packages
            .iter()
            .map(|package| {
                let mut facts = serde_json::json!({
                    "name": package.name,
                    "version": package.version,
                    "extras": package.extras,
                    "requires": package.requires,
                });
                for (field, value) in package.source.identity() {
                    facts[field] = value;
                }
                facts
            })
            .collect();
        Digest::of_canonical(&serde_json::json!({
            "base_id": self.base_id,
            "target_id": self.target_id,
            "requires_python": self.requires_python,
            "mode": self.mode,
            "requested": self.requested,
            "shadows": self.shadows,
            "kept": self.kept,
            "packages": packages,
        }))
        .map(LockId)
    }

    /// The same lock without addresses, as repositories commit it.
    #[must_use]
    pub fn without_urls(mut self) -> Self {
        for package in &mut self.packages {
            package.index = None;
            package.source.without_urls();
        }
        self
    }
}
