//! Locks: exactly which files an environment consists of, as PEP 751 `pylock.toml`.
//!
//! A lock's identity covers packages, versions and file hashes, target and base pins, not addresses: the same
//! lock with and without addresses is the same lock.

mod pylock;
mod source;

pub use pylock::PylockError;
pub use source::{LockedFile, LockedSource};

use std::collections::BTreeMap;

use depcache_resolve::Resolution;
use domain::canonical::CanonicalError;
use domain::environment::Shadow;
use domain::{Base, BaseId, Digest, LockId, Mode, TargetId};
use uv_distribution_filename::DistExtension;

use crate::facts::IndexFacts;
use crate::index::{Index, IndexError};

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

/// Why a resolution could not be made a lock.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// A file's hash or metadata could not be had.
    #[error("{name} {version} cannot be locked")]
    Index {
        /// Package.
        name: String,
        /// Version.
        version: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// The file that was chosen is no longer offered.
    #[error("{filename} is no longer offered by the index")]
    Gone {
        /// File name.
        filename: String,
    },
    /// A hash that the requirements demand is not the file's.
    #[error("{filename} has sha256 {actual}, which the requirements do not allow")]
    HashNotAllowed {
        /// File name.
        filename: String,
        /// Its hash.
        actual: Digest,
    },
    /// The base has no identity.
    #[error("the base cannot be identified")]
    Base(#[source] CanonicalError),
}

impl Lock {
    /// Completes a resolution: hashes of files whose index gives none are taken from the files themselves.
    pub async fn new(base: &Base, resolution: &Resolution, index: &Index) -> Result<Self, LockError> {
        let mut packages = Vec::with_capacity(resolution.packages.len());
        for pinned in &resolution.packages {
            packages.push(lock_package(pinned, index).await?);
        }
        let texts = |names: &[uv_normalize::PackageName]| names.iter().map(ToString::to_string).collect();
        Ok(Self {
            base_id: base.id().map_err(LockError::Base)?,
            target_id: base.target_id().map_err(LockError::Base)?,
            requires_python: format!("=={}.*", base.python_minor()),
            mode: resolution.mode,
            requested: texts(&resolution.requested),
            shadows: resolution.shadows.clone(),
            kept: resolution.kept.iter().map(|k| (k.name.to_string(), k.version.to_string())).collect(),
            packages,
        })
    }

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

async fn lock_package(pinned: &depcache_resolve::Pinned, index: &Index) -> Result<LockedPackage, LockError> {
    let failed = |source| LockError::Index {
        name: pinned.name.to_string(),
        version: pinned.version.to_string(),
        source,
    };
    let filename = pinned.file.filename.clone();
    let file = IndexFacts::index_file(index, &pinned.name, &pinned.file)
        .await
        .map_err(failed)?
        .ok_or_else(|| LockError::Gone { filename: filename.clone() })?;
    let sha256 = match file.sha256 {
        Some(sha256) => sha256,
        None => index.wheel_digest(&file).await.map_err(failed)?,
    };
    let allowed = &pinned.allowed_hashes;
    if !allowed.is_empty() && !allowed.iter().any(|hash| hash.hex == sha256.hex()) {
        return Err(LockError::HashNotAllowed { filename, actual: sha256 });
    }
    let is_wheel = DistExtension::from_path(&filename).is_ok_and(|kind| kind == DistExtension::Wheel);
    // METADATA of sources is written anew by each build: there it is what it says that counts.
    let metadata_sha256 = if is_wheel {
        index.metadata(&file).await.map_err(failed)?.sha256
    } else {
        crate::source::metadata_digest(&pinned.name, &pinned.version, &pinned.metadata)
    };
    let locked = LockedFile {
        filename,
        sha256,
        url: Some(file.url.to_string()),
        path: None,
        size: file.size,
        upload_time: file.upload_time.clone(),
    };
    Ok(LockedPackage {
        name: pinned.name.to_string(),
        version: pinned.version.to_string(),
        extras: pinned.extras.iter().map(ToString::to_string).collect(),
        requires: pinned.requires.iter().map(ToString::to_string).collect(),
        index: Some(file.index.clone()),
        source: if is_wheel { LockedSource::Wheel(locked) } else { LockedSource::Sdist(locked) },
        metadata_sha256: Some(metadata_sha256),
    })
}
