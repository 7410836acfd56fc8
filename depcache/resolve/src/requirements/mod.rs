//! Requirements files: expansion of everything they say into requirements, constraints and options.
//!
//! Pure: files come through a function, variables through a map. What is not supported is refused by name
//! with file and line; nothing is ignored silently.

mod error;
mod expansion;
pub(crate) mod lines;
mod options;
pub(crate) mod parse;

use std::collections::{BTreeMap, BTreeSet};

use uv_normalize::PackageName;

use crate::facts::{FileHash, Requirement};

pub use error::{ReadError, RequirementsError, RequirementsErrorKind};

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
    /// What it says.
    pub requirement: Requirement,
    /// `--hash` options: files must have one of them.
    pub hashes: Vec<FileHash>,
    /// Where.
    pub origin: Origin,
}

/// `--no-binary` / `--only-binary`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Names {
    /// Nothing.
    #[default]
    None,
    /// These.
    Some(BTreeSet<PackageName>),
    /// `:all:`.
    All,
}

impl Names {
    /// Whether the name is among them.
    pub fn contains(&self, name: &PackageName) -> bool {
        match self {
            Self::None => false,
            Self::Some(names) => names.contains(name),
            Self::All => true,
        }
    }
}

/// Options of all files together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `-i`, `--index-url`.
    pub index_url: Option<String>,
    /// `--extra-index-url`, in order.
    pub extra_index_urls: Vec<String>,
    /// `-f`, `--find-links`, in order.
    pub find_links: Vec<String>,
    /// `--no-index`.
    pub no_index: bool,
    /// `--require-hashes`, or any line has a hash.
    pub require_hashes: bool,
    /// `--no-binary`.
    pub no_binary: Names,
    /// `--only-binary`.
    pub only_binary: Names,
    /// `--pre`.
    pub pre: bool,
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
    /// The files, in the order in which they were read.
    pub files: Vec<SourceFile>,
}

/// Largest file that is read, bytes. A requirements file with hashes has a few hundred kilobytes.
pub const MAX_FILE_BYTES: usize = 16 * 1024 * 1024;
/// Most files that one expansion reads.
pub const MAX_FILES: usize = 256;

/// Expands `files` (requirements) and `constraints` (as if by `-c`).
///
/// `read` gives the bytes of a file by its path; `variables` is what `${NAME}` may name.
pub fn expand(
    files: &[&str],
    constraints: &[&str],
    read: &dyn Fn(&str) -> Result<Vec<u8>, ReadError>,
    variables: &BTreeMap<String, String>,
) -> Result<Expanded, RequirementsError> {
    let mut expansion = expansion::Expansion::new(read, variables);
    for path in files {
        expansion.file(path, false)?;
    }
    for path in constraints {
        expansion.file(path, true)?;
    }
    expansion.finish()
}

#[cfg(test)]
mod tests;
