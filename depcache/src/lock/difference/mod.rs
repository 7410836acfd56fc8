//! What differs between two locks, for people who decide whether they want it.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::Version;
use serde::Serialize;

use super::{Lock, LockedPackage, LockedSource};

/// What differs between two locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// One entry per package that differs, sorted by name.
    pub packages: Vec<PackageChange>,
    /// The locks are for different bases.
    pub base_changed: bool,
    /// `task` and `process`, when the way in which workers may use the environment changed.
    pub mode: Option<(domain::Mode, domain::Mode)>,
    /// Bytes of all files of the old lock, as far as they are known.
    pub old_bytes: u64,
    /// Bytes of all files of the new lock, as far as they are known.
    pub new_bytes: u64,
    /// Bytes of the new lock's files that the old lock does not name.
    pub download_bytes: u64,
    /// Files of both locks whose size nobody said.
    pub unknown_sizes: usize,
}

/// How one package differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Normalised name.
    pub name: String,
    /// What happened.
    pub kind: Kind,
    /// Before; absent: it was not there.
    pub old: Option<State>,
    /// After; absent: it is gone.
    pub new: Option<State>,
}

/// What happened to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// A higher version.
    Up,
    /// A lower version.
    Down,
    /// The same version from another file or place.
    Source,
    /// The same version, installed instead of the base's or the other way round.
    Moved,
}

/// A package in one of the locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct State {
    /// Version.
    pub version: String,
    /// It is the base's own.
    pub of_base: bool,
    /// File name, commit or path it is installed from; absent for the base's own.
    pub source: Option<String>,
    /// Bytes of its file, when known.
    pub bytes: Option<u64>,
}

impl Difference {
    /// What `new` has otherwise than `old`.
    pub fn between(old: &Lock, new: &Lock) -> Self {
        let (before, after) = (states(old), states(new));
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let packages = names
            .into_iter()
            .filter_map(|name| {
                let (was, is) = (before.get(name), after.get(name));
                let kind = kind(was, is)?;
                let state = |one: Option<&(State, String)>| one.map(|(state, _)| state.clone());
                Some(PackageChange { name: name.clone(), kind, old: state(was), new: state(is) })
            })
            .collect();
        let held: BTreeSet<_> = files(old).map(|file| file.sha256).collect();
        let bytes = |lock| files(lock).filter_map(|file| file.size).sum();
        Self {
            packages,
            base_changed: old.base_id != new.base_id,
            mode: (old.mode != new.mode).then_some((old.mode, new.mode)),
            old_bytes: bytes(old),
            new_bytes: bytes(new),
            download_bytes: files(new)
                .filter(|file| !held.contains(&file.sha256))
                .filter_map(|file| file.size)
                .sum(),
            unknown_sizes: files(old).chain(files(new)).filter(|file| file.size.is_none()).count(),
        }
    }

    /// Whether both locks give the same environment over the same base.
    pub fn is_empty(&self) -> bool {
        self.packages.is_empty() && !self.base_changed && self.mode.is_none()
    }
}

fn files(lock: &Lock) -> impl Iterator<Item = &super::LockedFile> {
    lock.packages.iter().filter_map(|package| package.source.file())
}

/// Every package of a lock, the base's included, with what identifies its content.
fn states(lock: &Lock) -> BTreeMap<String, (State, String)> {
    let of_base = lock.kept.iter().map(|(name, version)| {
        let state = State { version: version.clone(), of_base: true, source: None, bytes: None };
        (name.clone(), (state, String::new()))
    });
    let installed = lock.packages.iter().map(|package| {
        let state = State {
            version: package.version.clone(),
            of_base: false,
            source: Some(place(package)),
            bytes: package.source.file().and_then(|file| file.size),
        };
        let content = package.source.file().map_or_else(|| place(package), |file| file.sha256.hex());
        (package.name.clone(), (state, content))
    });
    of_base.chain(installed).collect()
}

fn place(package: &LockedPackage) -> String {
    match &package.source {
        LockedSource::Wheel(file) | LockedSource::Sdist(file) | LockedSource::Archive { file, .. } => {
            file.filename.clone()
        }
        LockedSource::Vcs { commit, .. } => format!("commit {}", commit.get(..12).unwrap_or(commit)),
        LockedSource::Directory { path, .. } => path.clone(),
    }
}

fn kind(was: Option<&(State, String)>, is: Option<&(State, String)>) -> Option<Kind> {
    let ((was, old_content), (is, new_content)) = match (was, is) {
        (None, None) => return None,
        (None, Some(_)) => return Some(Kind::Added),
        (Some(_), None) => return Some(Kind::Removed),
        (Some(was), Some(is)) => (was, is),
    };
    let parsed = |text: &str| text.parse::<Version>().ok();
    match parsed(&is.version).cmp(&parsed(&was.version)) {
        std::cmp::Ordering::Greater => Some(Kind::Up),
        std::cmp::Ordering::Less => Some(Kind::Down),
        std::cmp::Ordering::Equal if was.of_base != is.of_base => Some(Kind::Moved),
        std::cmp::Ordering::Equal => (old_content != new_content).then_some(Kind::Source),
    }
}

#[cfg(test)]
mod tests;
