//! From what a resolution or a lock names to a source tree.

use std::path::{Path, PathBuf};

use depcache_resolve::{FileSource, PackageFile};
use domain::Digest;
use reqwest::Url;
use uv_normalize::PackageName;

use super::git::Repository;
use super::{DirectError, located, plain};
use crate::index::IndexFile;
use crate::lock::{LockedFile, LockedPackage, LockedSource};
use crate::source::{Frontend, Source, Tree};

/// The tree that a file of a direct reference stands for.
pub async fn of_file(
    frontend: &Frontend,
    name: Option<&PackageName>,
    file: &PackageFile,
) -> Result<Source, DirectError> {
    let label = match &file.source {
        FileSource::Git { url, commit, .. } => format!("git+{url}@{}", &commit[..commit.len().min(12)]),
        FileSource::Directory { path, .. } | FileSource::Path { path, .. } => path.clone(),
        FileSource::Url { .. } | FileSource::Index => file.url.clone(),
    };
    let tree = match &file.source {
        FileSource::Index => return Err(DirectError::Address { reference: label }),
        FileSource::Url { subdirectory } | FileSource::Path { subdirectory, .. } => {
            let wanted = super::index_file(file);
            let wanted = wanted.ok_or_else(|| DirectError::Address { reference: label.clone() })?;
            archive(frontend, &label, &wanted, subdirectory.clone()).await?
        }
        FileSource::Git { url, commit, subdirectory, .. } => {
            let (_, path) = checkout(frontend, url, None, Some(commit)).await?;
            directory_of_commit(path, commit, subdirectory.clone())
        }
        FileSource::Directory { path, .. } => {
            Tree::Directory { path: located(path)?, identity: None, subdirectory: None }
        }
    };
    Ok(Source { label, name: name.cloned(), version: None, tree })
}

/// The tree or wheel that a lock's package names by its place. The file, when it is a wheel.
pub async fn locked(
    frontend: &Frontend,
    package: &LockedPackage,
) -> Result<Result<PathBuf, Source>, DirectError> {
    let name = package.name.parse().ok();
    let version = package.version.parse().ok();
    let (label, tree) = match &package.source {
        LockedSource::Wheel(file) | LockedSource::Sdist(file) => {
            return Err(DirectError::Address { reference: file.filename.clone() });
        }
        LockedSource::Archive { file, subdirectory } => {
            let label = file.url.clone().or(file.path.clone()).unwrap_or_default();
            let wanted = locked_file(file)?;
            if Path::new(&file.filename).extension().is_some_and(|end| end == "whl") {
                return fetched(frontend, &label, &wanted).await.map(Ok);
            }
            (label.clone(), archive(frontend, &label, &wanted, subdirectory.clone()).await?)
        }
        LockedSource::Vcs { url, commit, subdirectory, .. } => {
            let (_, path) = checkout(frontend, url, None, Some(commit)).await?;
            let label = format!("git+{url}@{}", &commit[..commit.len().min(12)]);
            (label, directory_of_commit(path, commit, subdirectory.clone()))
        }
        LockedSource::Directory { path, subdirectory, .. } => {
            let subdirectory = subdirectory.clone();
            (path.clone(), Tree::Directory { path: located(path)?, identity: None, subdirectory })
        }
    };
    Ok(Err(Source { label, name, version, tree }))
}

/// A commit of a repository, and where it lies in the cache.
pub(super) async fn checkout(
    frontend: &Frontend,
    url: &str,
    requested: Option<&str>,
    commit: Option<&str>,
) -> Result<(String, PathBuf), DirectError> {
    let session = frontend.session();
    let repository = Repository::new(session.cache.dir(), url, session.offline);
    let failed = |source| DirectError::Git { reference: repository.shown(), source };
    let commit = match commit {
        Some(commit) => commit.to_owned(),
        None => repository.commit(requested).await.map_err(failed)?,
    };
    let path = repository.checkout(&commit).await.map_err(failed)?;
    Ok((commit, path))
}

fn directory_of_commit(path: PathBuf, commit: &str, subdirectory: Option<String>) -> Tree {
    Tree::Directory { path, identity: Some(Digest::of(commit.as_bytes())), subdirectory }
}

async fn archive(
    frontend: &Frontend,
    label: &str,
    wanted: &IndexFile,
    subdirectory: Option<String>,
) -> Result<Tree, DirectError> {
    let path = fetched(frontend, label, wanted).await?;
    let sha256 = if let Some(sha256) = wanted.sha256 {
        sha256
    } else {
        let failed = |source| DirectError::Fetch { reference: label.to_owned(), source };
        frontend.index().wheel_digest(wanted).await.map_err(failed)?
    };
    Ok(Tree::Archive { path, sha256, subdirectory })
}

async fn fetched(frontend: &Frontend, label: &str, wanted: &IndexFile) -> Result<PathBuf, DirectError> {
    let failed = |source| DirectError::Fetch { reference: label.to_owned(), source };
    frontend.index().wheel(wanted, wanted.sha256).await.map_err(failed)
}

/// A file that a lock names by address or path.
fn locked_file(file: &LockedFile) -> Result<IndexFile, DirectError> {
    let url = match (&file.url, &file.path) {
        (Some(url), _) => plain(url)?,
        (None, Some(path)) => {
            let at = located(path)?;
            Url::from_file_path(&at).map_err(|()| DirectError::Kind { path: at.clone() })?
        }
        (None, None) => return Err(DirectError::Address { reference: file.filename.clone() }),
    };
    Ok(IndexFile {
        filename: file.filename.clone(),
        index: String::new(),
        url,
        sha256: Some(file.sha256),
        size: file.size,
        upload_time: None,
        requires_python: None,
        yanked: None,
        metadata_advertised: false,
        metadata_sha256: None,
        provenance: None,
        has_only_weak_hashes: false,
    })
}
