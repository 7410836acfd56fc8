//! Requirements files: expansion of everything they say into requirements, constraints and options.
//!
//! Pure: files come through a function, variables through a map. What is not supported is refused by name
//! with file and line; nothing is ignored silently.

mod address;
mod direct;
mod error;
mod expansion;
pub(crate) mod lines;
pub(crate) mod names;
mod options;
pub(crate) mod parse;
mod place;
mod project;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use pep440_rs::VersionSpecifiers;
use uv_normalize::{ExtraName, GroupName, PackageName};

use crate::facts::Requirement;
use crate::hash::FileHash;
use crate::reference::DirectReference;

pub use address::is_remote;
pub use error::{NameError, ReadError, RequirementsError, RequirementsErrorKind};
pub use names::Names;

/// Where a requirement stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// File, as it was named.
    pub file: String,
    /// First line, from 1.
    pub line: usize,
    /// Last line: a continued requirement has several.
    pub last_line: usize,
    /// The requirement's text, continuation joined, without comment and options.
    pub text: String,
}

/// One requirement or constraint.
#[derive(Debug, Clone)]
pub struct Entry {
    /// What it says; without version when it names a place.
    pub requirement: Requirement,
    /// The place that it names.
    pub direct: Option<DirectReference>,
    /// `--hash` options: files must have one of them.
    pub hashes: Vec<FileHash>,
    /// Where.
    pub origin: Origin,
}

impl Entry {
    /// Hashes that its file may have, by `--hash` or in its address.
    pub fn allowed_hashes(&self) -> impl Iterator<Item = &FileHash> {
        self.hashes.iter().chain(self.direct.iter().flat_map(|direct| &direct.hashes))
    }
}

/// `name @ https://…` or `name>=2`, as it is written in one line.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(direct) = &self.direct else { return write!(f, "{}", self.requirement) };
        let mut bare = self.requirement.clone();
        bare.marker = pep508_rs::MarkerTree::default();
        write!(f, "{bare} @ {direct}")?;
        match self.requirement.marker.contents() {
            Some(marker) => write!(f, " ; {marker}"),
            None => Ok(()),
        }
    }
}

/// Something in a file that is read, but not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// File.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// What and why.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.text)
    }
}

/// A `requires-python` of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequiresPython {
    /// Where it stands.
    pub origin: Origin,
    /// What it demands.
    pub specifiers: VersionSpecifiers,
}

/// Options of all files together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `-i`, `--index-url`.
    pub index_url: Option<String>,
    /// `--extra-index-url`, in order.
    pub extra_index_urls: Vec<String>,
    /// `-f`, `--find-links`, in order. A path is relative to the file that names it when it exists there, else to the
    /// working directory.
    pub find_links: Vec<String>,
    /// `--no-index`.
    pub no_index: bool,
    /// `--require-hashes`; or any line has a hash, and no `--no-require-hashes` forbids it to count for all.
    pub require_hashes: bool,
    /// `--no-binary`.
    pub no_binary: Names,
    /// `--only-binary`.
    pub only_binary: Names,
    /// `--pre`.
    pub pre: bool,
    /// `--all-releases`: their pre-releases may be used.
    pub all_releases: Names,
    /// `--only-final`: their pre-releases may not be used.
    pub only_final: Names,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// As it was named.
    pub path: String,
    /// Its text, without byte order mark.
    pub text: String,
    /// Whether its requirements are constraints.
    pub constraints: bool,
}

/// Everything that the files say.
#[derive(Debug, Clone, Default)]
pub struct Expanded {
    /// Requirements, in order.
    pub requirements: Vec<Entry>,
    /// Constraints, in order.
    pub constraints: Vec<Entry>,
    /// Overrides (`--override`): replace every requirement of their names, whoever declares it.
    pub overrides: Vec<Entry>,
    /// Recommendations (`--prefer`): tried first, given up when a requirement excludes them.
    pub recommended: Vec<Entry>,
    /// Options.
    pub options: Options,
    /// Demands of projects on the Python version.
    pub requires_python: Vec<RequiresPython>,
    /// What is read, but not done.
    pub notes: Vec<Note>,
    /// The files, in the order in which they were read.
    pub files: Vec<SourceFile>,
}

impl Options {
    /// Whether a wheel of this package may be used.
    pub fn allows_wheel(&self, name: &PackageName) -> bool {
        !names::prevails(&self.no_binary, &self.only_binary, name)
    }

    /// Whether a source distribution of this package may be used.
    pub fn allows_source(&self, name: &PackageName) -> bool {
        !names::prevails(&self.only_binary, &self.no_binary, name)
    }
}

/// What of a `pyproject.toml` is wanted beside its dependencies.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// `--extra`.
    pub extras: BTreeSet<ExtraName>,
    /// `--all-extras`.
    pub all_extras: bool,
    /// `--group`.
    pub groups: BTreeSet<GroupName>,
}

/// What an expansion asks of the outside.
pub struct Outside<'a> {
    /// The bytes of a file by its path or address.
    pub read: &'a dyn Fn(&str) -> Result<Vec<u8>, ReadError>,
    /// Whether there is something at a path.
    pub exists: &'a dyn Fn(&str) -> bool,
    /// The package at a place that does not tell it.
    pub name: &'a dyn Fn(&DirectReference) -> Result<PackageName, NameError>,
    /// What `${NAME}` may name.
    pub variables: &'a BTreeMap<String, String>,
    /// What of projects is wanted.
    pub selection: &'a Selection,
}

/// Largest file that is read, bytes. A requirements file with hashes has a few hundred kilobytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Most files that one expansion reads.
pub const MAX_FILES: usize = 256;

/// Expands `files` (requirements) and `constraints` (as if by `-c`).
///
/// `read` gives the bytes of a file by its path; `variables` is what `${NAME}` may name. Places must tell the
/// package that they hold; [`expand_with`] can look.
pub fn expand(
    files: &[&str],
    constraints: &[&str],
    read: &dyn Fn(&str) -> Result<Vec<u8>, ReadError>,
    variables: &BTreeMap<String, String>,
) -> Result<Expanded, RequirementsError> {
    let name = |_: &DirectReference| {
        let reason = "nobody looks there".to_owned();
        Err(NameError { reason, unavailable: false, source: None })
    };
    let selection = &Selection::default();
    expand_with(files, constraints, &Outside { read, exists: &|_| false, name: &name, variables, selection })
}

/// Expands `files` (requirements files, `pyproject.toml`) and `constraints` (as if by `-c`).
pub fn expand_with(
    files: &[&str],
    constraints: &[&str],
    outside: &Outside<'_>,
) -> Result<Expanded, RequirementsError> {
    let mut expansion = expansion::Expansion::new(outside);
    for path in files {
        if is_project(path) {
            project::read(&mut expansion, path)?;
        } else {
            expansion.file(path, false)?;
        }
    }
    for path in constraints {
        expansion.file(path, true)?;
    }
    expansion.finish()
}

/// Whether a file describes a project rather than listing requirements: by its name, as everywhere.
pub fn is_project(path: &str) -> bool {
    path.rsplit('/').next() == Some("pyproject.toml")
}

/// The place behind the `@` of a requirement in metadata; `None`: it cannot be followed.
pub(crate) fn reference(text: &str) -> Option<DirectReference> {
    direct::direct(&format!("x @ {text}"), false).ok().flatten().map(|direct| direct.reference)
}

/// Reads files that may hold nothing but requirements: overrides and recommendations. Options in them are refused.
pub fn only_requirements(
    files: &[&str],
    read: &dyn Fn(&str) -> Result<Vec<u8>, ReadError>,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<Entry>, RequirementsError> {
    let expanded = expand(files, &[], read, variables)?;
    let refused = |file: &str, line, text: &str, construct, hint| RequirementsError {
        file: file.to_owned(),
        line,
        text: text.to_owned(),
        kind: Box::new(RequirementsErrorKind::Unsupported { construct, hint }),
    };
    if let Some(entry) = expanded.requirements.iter().find(|entry| entry.direct.is_some()) {
        let (origin, hint) =
            (&entry.origin, "write the version; an address belongs into the requirements file");
        let construct = "an address in a file of versions";
        return Err(refused(&origin.file, Some(origin.line), &origin.text, construct, hint));
    }
    match files.first() {
        Some(first) if expanded.options != Options::default() => {
            let hint = "write only requirements in it; options belong into the requirements file";
            Err(refused(first, None, "", "an option or a hash in a file of versions", hint))
        }
        _ => Ok(expanded.requirements),
    }
}

#[cfg(test)]
mod tests;
