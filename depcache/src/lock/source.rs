//! Where a locked package's files come from.

use domain::Digest;
use serde_json::{Value, json};

/// What a locked package is installed from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockedSource {
    /// A wheel that an index offers.
    Wheel(LockedFile),
    /// A source distribution that an index offers; the build makes the wheel.
    Sdist(LockedFile),
    /// A wheel or archive of a source tree that a requirement names by its address or path.
    Archive {
        /// The file; it has a `url` or a `path`.
        file: LockedFile,
        /// Folder of the project inside the archive, relative, `/` between names.
        subdirectory: Option<String>,
    },
    /// A commit of a git repository.
    Vcs {
        /// Address of the repository, without credentials.
        url: String,
        /// What the requirement names: a branch, tag or commit.
        requested_revision: Option<String>,
        /// The commit, 40 or 64 lower-case hexadecimal digits.
        commit: String,
        /// Folder of the project inside the repository.
        subdirectory: Option<String>,
    },
    /// A folder on this machine.
    Directory {
        /// Absolute, or relative to the lock.
        path: String,
        /// Installed in place (`-e`).
        editable: bool,
        /// Folder of the project below `path`.
        subdirectory: Option<String>,
    },
}

/// One file of a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockedFile {
    /// File name.
    pub filename: String,
    /// sha256 of the file.
    pub sha256: Digest,
    /// Where it was found, without credentials.
    pub url: Option<String>,
    /// The file on this machine: absolute, or relative to the lock.
    pub path: Option<String>,
    /// Bytes, when the index says it.
    pub size: Option<u64>,
    /// RFC 3339, when the index says it.
    pub upload_time: Option<String>,
}

impl LockedSource {
    /// The file, when the source is one.
    pub fn file(&self) -> Option<&LockedFile> {
        match self {
            Self::Wheel(file) | Self::Sdist(file) | Self::Archive { file, .. } => Some(file),
            Self::Vcs { .. } | Self::Directory { .. } => None,
        }
    }

    /// Whether it came by an address or path, not from an index.
    pub fn is_direct(&self) -> bool {
        !matches!(self, Self::Wheel(_) | Self::Sdist(_))
    }

    /// What of the source is part of the lock's identity: content, not where it was found.
    pub(super) fn identity(&self) -> Vec<(&'static str, Value)> {
        match self {
            Self::Wheel(file) | Self::Sdist(file) => content(file, None),
            Self::Archive { file, subdirectory } => content(file, subdirectory.as_deref()),
            Self::Vcs { commit, subdirectory, .. } => {
                vec![("commit", json!(commit)), ("subdirectory", json!(subdirectory))]
            }
            // A folder has no content of its own: what it holds is looked at when it is built.
            Self::Directory { path, editable, subdirectory } => vec![
                ("directory", json!(path)),
                ("editable", json!(editable)),
                ("subdirectory", json!(subdirectory)),
            ],
        }
    }

    /// Without addresses that a configured index makes superfluous.
    pub(super) fn without_urls(&mut self) {
        if let Self::Wheel(file) | Self::Sdist(file) = self {
            file.url = None;
        }
    }
}

fn content(file: &LockedFile, subdirectory: Option<&str>) -> Vec<(&'static str, Value)> {
    let mut content = vec![("filename", json!(file.filename)), ("sha256", json!(file.sha256))];
    content.extend(subdirectory.map(|subdirectory| ("subdirectory", json!(subdirectory))));
    content
}

/// A part of an address with its `%xx` resolved; what is no text stays as it is.
pub(super) fn decoded(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        let value = hex.filter(|_| *byte == b'%').and_then(|two| u8::from_str_radix(two, 16).ok());
        out.push(value.unwrap_or(*byte));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| part.to_owned())
}

/// Whether a file name is that of a wheel.
pub(super) fn is_wheel(filename: &str) -> bool {
    std::path::Path::new(filename).extension().is_some_and(|extension| extension == "whl")
}
