//! Direct references: requirements that name a place instead of versions.

use std::fmt::{self, Write as _};

use crate::hash::FileHash;

/// Where a package is to be taken from, whatever indexes offer: `name @ place`, an address, a path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectReference {
    /// The place.
    pub place: Place,
    /// `#subdirectory=`: where the project lies within the archive or repository.
    pub subdirectory: Option<String>,
    /// `#sha256=`: hashes that the reference itself carries.
    pub hashes: Vec<FileHash>,
    /// Digest of what lay at a path when the requirements were read: part of what the requirement is, not a promise
    /// of its author.
    pub content: Option<String>,
}

/// The place of a [`DirectReference`].
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A wheel or source archive at an `http` or `https` address. May carry credentials: show it through `Display`.
    Url(String),
    /// A wheel, a source archive or a project's directory on this machine.
    Path {
        /// As written, relative to the working directory unless it begins with `/`.
        path: String,
        /// `-e`: installed like any directory, because an environment in a store cannot point at it.
        editable: bool,
    },
    /// A git repository.
    Git {
        /// Address without `git+`, reference and fragment. May carry credentials: show it through `Display`.
        url: String,
        /// Branch, tag or commit; absent: the default branch.
        requested: Option<String>,
    },
}

/// Where a [`crate::PackageFile`] comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FileSource {
    /// An index or a find-links place offers it.
    #[default]
    Index,
    /// A direct reference to an address names it.
    Url {
        /// Where the project lies within the archive.
        subdirectory: Option<String>,
    },
    /// A direct reference to a file on this machine names it.
    Path {
        /// As written, relative to the working directory unless it begins with `/`.
        path: String,
        /// Where the project lies within the archive.
        subdirectory: Option<String>,
    },
    /// A wheel is to be made from a commit.
    Git {
        /// Address without `git+` and without credentials.
        url: String,
        /// Full hexadecimal name of the commit.
        commit: String,
        /// What the requirement asked for, if it named anything.
        requested: Option<String>,
        /// Where the project lies within the repository.
        subdirectory: Option<String>,
    },
    /// A wheel is to be made from a directory on this machine.
    Directory {
        /// As written, relative to the working directory unless it begins with `/`.
        path: String,
        /// `-e` was asked for.
        editable: bool,
    },
}

impl DirectReference {
    /// Whether both lead to the same thing; how they were written and what they carry for checking do not count.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let plain = |reference: &Self| {
            let place = match &reference.place {
                Place::Url(url) => Place::Url(without_credentials(url)),
                Place::Path { path, .. } => {
                    let path = path.strip_prefix("./").unwrap_or(path).trim_end_matches('/').to_owned();
                    Place::Path { path, editable: false }
                }
                Place::Git { url, requested } => {
                    let url = without_credentials(url).trim_end_matches(".git").to_owned();
                    Place::Git { url, requested: requested.clone() }
                }
            };
            (place, reference.subdirectory.clone())
        };
        plain(self) == plain(other)
    }
}

impl fmt::Display for DirectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Url(url) => f.write_str(&without_credentials(url))?,
            Place::Path { path, .. } => f.write_str(&written(path))?,
            Place::Git { url, requested } => {
                write!(f, "git+{}", without_credentials(url))?;
                if let Some(requested) = requested {
                    write!(f, "@{requested}")?;
                }
            }
        }
        match &self.subdirectory {
            Some(subdirectory) => write!(f, "#subdirectory={subdirectory}"),
            None => Ok(()),
        }
    }
}

/// As `Display`: what holds credentials is not printed by accident.
impl fmt::Debug for DirectReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DirectReference({self})")
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(url) => write!(f, "Url({})", without_credentials(url)),
            Self::Path { path, editable } => write!(f, "Path({path}, editable: {editable})"),
            Self::Git { url, requested } => write!(f, "Git({}, {requested:?})", without_credentials(url)),
        }
    }
}

/// A path as a requirement may hold it: what would be read as something else is written as an address of a file.
fn written(path: &str) -> String {
    let is_plain = !path.contains([';', '#', '[', ']', '%', ':', '@', '\\', '"', '\'', '$'])
        && path.trim() == path
        && !path.split('/').next().is_some_and(|first| first.contains('+'))
        && !path.starts_with('-')
        && !path.contains(" -");
    if is_plain {
        return path.to_owned();
    }
    let mut out = String::from("file:");
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").ok();
        }
    }
    out
}

/// A text, with every address in it as [`without_credentials`] shows it.
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let start = rest[..at]
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || "+-.".contains(c)))
            .map_or(0, |end| end + rest[end..].chars().next().map_or(1, char::len_utf8));
        let end = rest[at + 3..].find(char::is_whitespace).map_or(rest.len(), |end| at + 3 + end);
        out.push_str(&rest[..start]);
        out.push_str(&without_credentials(&rest[start..end]));
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// An address without what stands before the `@` of its host. The user name of `ssh://git@host/…` stays: it is
/// part of the address and no secret.
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some((user, host)) = authority.rsplit_once('@') else { return url.to_owned() };
    if scheme.ends_with("ssh") && !user.contains(':') {
        return url.to_owned();
    }
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_shown_without_credentials() {
        assert_eq!(
            super::shown("x @ https://me:secret@h/x.whl ; é -r git+https://t@h/y@v1 ssh://git@h/z"),
            "x @ https://h/x.whl ; é -r git+https://h/y@v1 ssh://git@h/z"
        );
        assert_eq!(super::shown("a://"), "a://");
    }

    #[test]
    fn credentials_are_never_shown() {
        let git = |url: &str| Place::Git { url: url.into(), requested: Some("v1".into()) };
        let shown = |place: Place| {
            let reference =
                DirectReference { place, subdirectory: Some("a/b".into()), hashes: vec![], content: None };
            assert!(!format!("{reference:?}").contains("secret"));
            reference.to_string()
        };
        assert_eq!(
            shown(Place::Url("https://me:secret@host.example/a.whl".into())),
            "https://host.example/a.whl#subdirectory=a/b"
        );
        assert_eq!(
            shown(git("https://secret@host.example/a")),
            "git+https://host.example/a@v1#subdirectory=a/b"
        );
        assert_eq!(
            shown(git("ssh://git@host.example/a")),
            "git+ssh://git@host.example/a@v1#subdirectory=a/b"
        );
    }
}
