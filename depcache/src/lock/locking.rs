//! From a resolution to a lock: hashes and addresses of what was chosen.

use depcache_resolve::HashAlgorithm;
use depcache_resolve::{FileSource, PackageFile, Pinned, Resolution};
use domain::canonical::CanonicalError;
use domain::{Base, Digest};

use super::{Lock, LockedFile, LockedPackage, LockedSource, source};
use crate::facts::IndexFacts;
use crate::index::{Index, IndexError, IndexFile};

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
    /// A file that a requirement names by its place, and whose hash nobody computed.
    #[error("{filename} cannot be locked without its sha256")]
    NoHash {
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
            inputs: None,
        })
    }
}

async fn lock_package(pinned: &Pinned, index: &Index) -> Result<LockedPackage, LockError> {
    let mut package = LockedPackage {
        name: pinned.name.to_string(),
        version: pinned.version.to_string(),
        extras: pinned.extras.iter().map(ToString::to_string).collect(),
        requires: pinned.requires.iter().map(ToString::to_string).collect(),
        index: None,
        source: LockedSource::Directory { path: String::new(), editable: false, subdirectory: None },
        metadata_sha256: None,
    };
    package.source = match &pinned.file.source {
        FileSource::Index => return of_index(pinned, index, package).await,
        FileSource::Url { subdirectory } => {
            let url = Some(address(&pinned.file.url));
            let file = LockedFile { url, ..direct_file(pinned)? };
            LockedSource::Archive { file, subdirectory: subdirectory.clone() }
        }
        FileSource::Path { path, subdirectory } => {
            let file = LockedFile { path: Some(path.clone()), ..direct_file(pinned)? };
            LockedSource::Archive { file, subdirectory: subdirectory.clone() }
        }
        FileSource::Git { url, commit, requested, subdirectory } => LockedSource::Vcs {
            url: address(url),
            requested_revision: requested.clone(),
            commit: commit.clone(),
            subdirectory: subdirectory.clone(),
        },
        FileSource::Directory { path, editable } => {
            LockedSource::Directory { path: path.clone(), editable: *editable, subdirectory: None }
        }
    };
    Ok(package)
}

async fn of_index(
    pinned: &Pinned,
    index: &Index,
    package: LockedPackage,
) -> Result<LockedPackage, LockError> {
    let failed = |source| LockError::Index {
        name: pinned.name.to_string(),
        version: pinned.version.to_string(),
        source,
    };
    let filename = pinned.file.filename.clone();
    let offered = IndexFacts::index_file(index, &pinned.name, &pinned.file).await.map_err(failed)?;
    let offered = offered.ok_or_else(|| LockError::Gone { filename: filename.clone() })?;
    let sha256 = match offered.sha256 {
        Some(sha256) => sha256,
        None => index.wheel_digest(&offered).await.map_err(failed)?,
    };
    check_allowed(pinned, &filename, sha256)?;
    let file = indexed_file(filename, sha256, &offered);
    let is_wheel = source::is_wheel(&offered.filename);
    let metadata_sha256 = if is_wheel {
        index.metadata(&offered).await.map_err(failed)?.sha256
    } else {
        // METADATA of sources is written anew by each build: there it is what it says that counts.
        crate::source::metadata_digest(&pinned.name, &pinned.version, &pinned.metadata)
    };
    let source = if is_wheel { LockedSource::Wheel(file) } else { LockedSource::Sdist(file) };
    Ok(LockedPackage {
        index: Some(offered.index),
        source,
        metadata_sha256: Some(metadata_sha256),
        ..package
    })
}

fn indexed_file(filename: String, sha256: Digest, offered: &IndexFile) -> LockedFile {
    LockedFile {
        filename,
        sha256,
        url: Some(offered.url.to_string()),
        path: None,
        size: offered.size,
        upload_time: offered.upload_time.clone(),
    }
}

/// A file that a requirement names: whoever read its metadata has its hash.
fn direct_file(pinned: &Pinned) -> Result<LockedFile, LockError> {
    let PackageFile { filename, hashes, size_bytes, .. } = &pinned.file;
    let known = hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256);
    let sha256 = known
        .and_then(|hash| hash.hex.parse().ok())
        .ok_or_else(|| LockError::NoHash { filename: filename.clone() })?;
    check_allowed(pinned, filename, sha256)?;
    Ok(LockedFile {
        filename: filename.clone(),
        sha256,
        url: None,
        path: None,
        size: *size_bytes,
        upload_time: None,
    })
}

fn check_allowed(pinned: &Pinned, filename: &str, sha256: Digest) -> Result<(), LockError> {
    let allowed = &pinned.allowed_hashes;
    if allowed.is_empty() || allowed.iter().any(|hash| hash.hex == sha256.hex()) {
        return Ok(());
    }
    Err(LockError::HashNotAllowed { filename: filename.to_owned(), actual: sha256 })
}

/// An address without credentials and fragment.
fn address(url: &str) -> String {
    let url = url.split('#').next().unwrap_or(url);
    depcache_resolve::reference::without_credentials(url)
}
