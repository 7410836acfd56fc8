//! Commits: their ids, and what people want to know about one.

use std::fmt;
use std::str::FromStr;

/// A full commit id: 40 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CommitId(String);

/// Text that is no full commit id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a full commit id: expected 40 lower-case hexadecimal digits")]
pub struct CommitIdError(pub String);

impl CommitId {
    /// The 40 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as people see them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }

    pub(crate) fn from_object(id: gix::ObjectId) -> Self {
        Self(id.to_string())
    }
}

impl FromStr for CommitId {
    type Err = CommitIdError;

    fn from_str(text: &str) -> Result<Self, CommitIdError> {
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        if text.len() == 40 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(CommitIdError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for CommitId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a commit says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// Its id.
    pub id: CommitId,
    /// `Name <address>` of its author.
    pub author: String,
    /// First line of its message.
    pub summary: String,
    /// When it was committed, Unix seconds.
    pub committed_s: i64,
}
