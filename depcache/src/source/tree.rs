//! Trees as they are handed in, and unpacked copies of them that a build may write into.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use domain::Digest;
use pep440_rs::Version;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use uv_normalize::PackageName;

use super::unpack::unpack;
use super::{SourceError, file_digest};

/// Files of a directory; more is no project but somebody's home.
const MAX_FILES: u64 = 200_000;
/// What tools leave in a project and no build reads.
const LEFTOVERS: [&str; 8] =
    ["__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".tox", ".nox", ".venv", "node_modules"];

/// A source tree with what is known of it from outside.
#[derive(Debug, Clone)]
pub struct Source {
    /// What messages call it: `numpy-1.26.4.tar.gz`, `./plugins/reports`, `git+…@…`; without credentials.
    pub label: String,
    /// Name that it must have.
    pub name: Option<PackageName>,
    /// Version that it must have.
    pub version: Option<Version>,
    /// Where it is.
    pub tree: Tree,
}

/// Where a tree is.
#[derive(Debug, Clone)]
pub enum Tree {
    /// A `.tar.gz` or `.zip`, told apart by content. Only read.
    Archive {
        /// The file.
        path: PathBuf,
        /// Its sha256; the caller has checked it.
        sha256: Digest,
        /// Directory of the project in it, relative.
        subdirectory: Option<String>,
    },
    /// A directory or checkout. Only read: builds work on a copy.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Identity of its content where somebody knows it (a commit); else it is read.
        identity: Option<Digest>,
        /// Directory of the project in it, relative.
        subdirectory: Option<String>,
    },
}

impl Tree {
    /// What tells this content from any other. Blocking.
    pub(super) fn key(&self, label: &str) -> Result<Digest, SourceError> {
        let (content, subdirectory) = match self {
            Self::Archive { sha256, subdirectory, .. } => (*sha256, subdirectory),
            Self::Directory { identity: Some(identity), subdirectory, .. } => (*identity, subdirectory),
            Self::Directory { path, subdirectory, .. } => (directory_digest(label, path)?, subdirectory),
        };
        let subdirectory = subdirectory.as_deref().unwrap_or_default();
        Ok(Digest::of(format!("{content}\n{subdirectory}").as_bytes()))
    }
}

/// A copy to work in, removed with this value.
#[derive(Debug)]
pub(super) struct Unpacked {
    dir: TempDir,
    /// The project's directory.
    pub(super) root: PathBuf,
}

impl Unpacked {
    /// The build's own directory.
    pub(super) fn work(&self) -> &Path {
        self.dir.path()
    }
}

/// Copies or unpacks a tree into a new directory below `scratch`. Blocking.
pub(super) fn unpacked(source: &Source, scratch: &Path) -> Result<Unpacked, SourceError> {
    let disk = |source| SourceError::Disk { path: scratch.to_owned(), source };
    fs::create_dir_all(scratch).map_err(disk)?;
    let dir = tempfile::Builder::new().prefix("source-").tempdir_in(scratch).map_err(disk)?;
    let tree = dir.path().join("tree");
    fs::create_dir(&tree).map_err(disk)?;
    let (root, subdirectory) = match &source.tree {
        Tree::Archive { path, subdirectory, .. } => {
            let root = unpack(path, &tree)
                .map_err(|error| SourceError::Unpack { label: source.label.clone(), source: error })?;
            (root, subdirectory)
        }
        Tree::Directory { path, subdirectory, .. } => {
            copy(&source.label, path, &tree)?;
            (tree, subdirectory)
        }
    };
    let Some(subdirectory) = subdirectory else { return Ok(Unpacked { dir, root }) };
    let project = root.join(subdirectory);
    // A link may lead out of the tree although its words do not.
    let inside = fs::canonicalize(&project)
        .and_then(|real| Ok(real.is_dir() && real.starts_with(fs::canonicalize(dir.path())?)))
        .unwrap_or(false);
    if !inside || depcache_layer::check_path(subdirectory).is_err() {
        let (label, subdirectory) = (source.label.clone(), subdirectory.clone());
        return Err(SourceError::Subdirectory { label, subdirectory });
    }
    Ok(Unpacked { dir, root: project })
}

/// Entries of a directory that belong to the project, in an order that does not depend on the file system.
fn entries<'a>(
    label: &'a str,
    path: &'a Path,
) -> impl Iterator<Item = Result<walkdir::DirEntry, SourceError>> + 'a {
    let belongs = |entry: &walkdir::DirEntry| {
        let name = entry.file_name().to_string_lossy();
        entry.depth() == 0
            || !(LEFTOVERS.contains(&name.as_ref())
                || (entry.file_type().is_dir() && entry.path().join("pyvenv.cfg").is_file()))
    };
    let walk = walkdir::WalkDir::new(path).sort_by_file_name().into_iter().filter_entry(belongs);
    walk.enumerate().map(move |(count, entry)| {
        if count as u64 > MAX_FILES {
            return Err(SourceError::TooManyFiles { label: label.to_owned(), limit: MAX_FILES });
        }
        entry.map_err(|error| SourceError::Disk {
            path: path.to_owned(),
            source: error.into_io_error().unwrap_or_else(|| io::ErrorKind::InvalidInput.into()),
        })
    })
}

/// Of paths, kinds, executable bits and contents. Of `.git` only what names commits: tools that take the version from it
/// look there, and the rest changes whenever somebody looks.
pub(crate) fn directory_digest(label: &str, path: &Path) -> Result<Digest, SourceError> {
    let mut hash = Sha256::new();
    for entry in entries(label, path) {
        let entry = entry?;
        let at = entry.path();
        let relative = at.strip_prefix(path).unwrap_or(at);
        let inside_git = relative.strip_prefix(".git").ok();
        if inside_git.is_some_and(|inside| !(inside == Path::new("HEAD") || inside.starts_with("refs"))) {
            continue;
        }
        let disk = |source| SourceError::Disk { path: at.to_owned(), source };
        let (kind, content) = if entry.file_type().is_file() {
            let executable =
                entry.metadata().map_err(|error| disk(error.into()))?.permissions().mode() & 0o100;
            let content = file_digest(at).map_err(disk)?;
            (if executable == 0 { "f" } else { "x" }, content.hex().into_bytes())
        } else if entry.file_type().is_symlink() {
            let target = fs::read_link(at).map_err(disk)?;
            ("l", target.into_os_string().into_encoded_bytes())
        } else {
            continue;
        };
        for part in [kind.as_bytes(), relative.as_os_str().as_encoded_bytes(), &content] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    Ok(Digest::from_bytes(hash.finalize().into()))
}

fn copy(label: &str, from: &Path, to: &Path) -> Result<(), SourceError> {
    for entry in entries(label, from) {
        let entry = entry?;
        let at = entry.path();
        let target = to.join(at.strip_prefix(from).unwrap_or(at));
        let done = if entry.file_type().is_dir() {
            fs::create_dir_all(&target)
        } else if entry.file_type().is_symlink() {
            fs::read_link(at).and_then(|link| symlink(link, &target))
        } else if entry.file_type().is_file() {
            fs::copy(at, &target).map(drop)
        } else {
            // Sockets and pipes are nobody's source.
            Ok(())
        };
        done.map_err(|source| SourceError::Disk { path: at.to_owned(), source })?;
    }
    Ok(())
}
