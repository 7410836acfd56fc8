//! The lock that lies beside requirements files.

use std::path::{Component, Path, PathBuf};

use super::{Lock, LockInputs, LockedSource, PylockError};
use crate::session::Files;

/// The lock of `files`: `pylock.toml` beside `requirements.txt`, `pylock.dev.toml` beside `requirements-dev.txt`.
/// Several requirements files have no lock of their own.
pub fn path_beside(files: &Files) -> Option<PathBuf> {
    let [requirements] = files.requirements.as_slice() else { return None };
    // An address has no folder to lie in.
    if requirements.contains("://") {
        return None;
    }
    // Messages name files as the user did.
    let path = if files.root == Path::new(".") {
        PathBuf::from(requirements)
    } else {
        files.root.join(requirements)
    };
    let stem = path.file_stem()?.to_str()?.to_ascii_lowercase();
    let rest = stem.strip_prefix("requirements").unwrap_or(&stem).trim_matches(['-', '_', '.']);
    let name = match rest {
        "" | "pyproject" => "pylock.toml".to_owned(),
        // A name has no dots in it (PEP 751).
        other => format!("pylock.{}.toml", other.replace('.', "-")),
    };
    Some(path.with_file_name(name))
}

/// A lock compared with what it should have been made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Freshness {
    /// It is what these inputs give for this base.
    Fresh,
    /// The inputs are the same, the base is another.
    OtherBase,
    /// The inputs changed: what, one sentence each.
    Stale(Vec<String>),
    /// It does not say what it was made from.
    Unknown,
}

impl Lock {
    /// Whether the lock is what `inputs` give for `base`; without a network.
    pub fn freshness(&self, inputs: &LockInputs, base: domain::BaseId) -> Freshness {
        let Some(made_from) = &self.inputs else { return Freshness::Unknown };
        let changes = inputs.changes_since(made_from);
        if !changes.is_empty() {
            return Freshness::Stale(changes);
        }
        if self.base_id == base { Freshness::Fresh } else { Freshness::OtherBase }
    }

    /// Names and versions of everything that the lock's environment has: what it installs and what stays the
    /// base's. As preferences they give the same versions over another base, and over none.
    pub fn pins(&self) -> std::collections::BTreeMap<uv_normalize::PackageName, pep440_rs::Version> {
        let installed = self.packages.iter().map(|package| (&package.name, &package.version));
        self.kept
            .iter()
            .chain(installed)
            .filter_map(|(name, version)| Some((name.parse().ok()?, version.parse().ok()?)))
            .collect()
    }

    /// The same lock, its paths relative to `to` instead of `from` where they lie below it, absolute otherwise.
    #[must_use]
    pub fn rebased(mut self, from: &Path, to: &Path) -> Self {
        for package in &mut self.packages {
            let path = match &mut package.source {
                LockedSource::Directory { path, .. } => Some(path),
                LockedSource::Archive { file, .. } => file.path.as_mut(),
                _ => None,
            };
            if let Some(path) = path {
                *path = rebased(path, from, to);
            }
        }
        self
    }
}

/// Reads the lock at `path`, its paths relative to the working directory; `None`: there is no such file.
pub fn read(path: &Path) -> Result<Option<Lock>, ReadLockError> {
    let failed = |source| ReadLockError::Read { path: path.to_owned(), source };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let lock = Lock::from_toml(&text)
        .map_err(|source| ReadLockError::Pylock { path: path.display().to_string(), source })?;
    let (folder, here) = (folder(path).map_err(failed)?, std::env::current_dir().map_err(failed)?);
    Ok(Some(lock.rebased(&folder, &here)))
}

/// Why a lock could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadLockError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It is not usable.
    #[error("the lock {path} cannot be used")]
    Pylock {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: PylockError,
    },
}

/// Absolute folder of a file.
pub fn folder(path: &Path) -> std::io::Result<PathBuf> {
    Ok(std::path::absolute(path)?.parent().unwrap_or(Path::new("/")).to_owned())
}

fn rebased(path: &str, from: &Path, to: &Path) -> String {
    let whole = plain(&from.join(path));
    let relative = whole.strip_prefix(plain(to)).map(Path::to_path_buf).ok();
    match relative {
        Some(here) if here.as_os_str().is_empty() => ".".to_owned(),
        Some(below) => below.display().to_string(),
        None => whole.display().to_string(),
    }
}

/// Without `.` and `..`, by their names alone.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(out.pop()),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_lies_beside_its_requirements() {
        let beside = |names: &[&str]| {
            let requirements = names.iter().map(ToString::to_string).collect();
            let files = Files { root: "dags".into(), requirements, ..Files::default() };
            path_beside(&files).map(|path| path.display().to_string()).unwrap_or_default()
        };
        assert_eq!(beside(&["requirements.txt"]), "dags/pylock.toml");
        assert_eq!(beside(&["requirements.in"]), "dags/pylock.toml");
        assert_eq!(beside(&["a/pyproject.toml"]), "dags/a/pylock.toml");
        assert_eq!(beside(&["requirements-dev.txt"]), "dags/pylock.dev.toml");
        assert_eq!(beside(&["requirements_py3.11.txt"]), "dags/pylock.py3-11.toml");
        assert_eq!(beside(&["/etc/ml.txt"]), "/etc/pylock.ml.toml");
        assert_eq!(beside(&["a.txt", "b.txt"]), "");
        assert_eq!(beside(&["https://host.example/requirements.txt"]), "");
    }

    #[test]
    fn paths_follow_the_lock() {
        let moved = |path: &str| rebased(path, Path::new("/repo/jobs"), Path::new("/repo"));
        assert_eq!(moved("libs/a"), "jobs/libs/a");
        assert_eq!(moved("../libs/./a"), "libs/a");
        assert_eq!(moved(".."), ".");
        assert_eq!(moved("../../other"), "/other");
        assert_eq!(moved("/abs"), "/abs");
    }
}
