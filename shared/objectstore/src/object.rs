use std::fmt;

use bytes::Bytes;

/// Opaque version of an object's content: equal etags of one key mean equal content.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ETag(String);

impl ETag {
    /// An etag that was read before and kept as text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, as the backend writes it (S3: with its quotes).
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// The content.
    pub bytes: Bytes,
    /// Its version.
    pub etag: ETag,
}

/// An object without its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meta {
    /// Size of the content.
    pub size_bytes: u64,
    /// Its version.
    pub etag: ETag,
}

/// Answer of a read that skips content which is already known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// The content is another one now.
    Changed(Object),
    /// The content is still the known one.
    Unchanged,
    /// The object does not exist.
    Missing,
}

/// When a write may happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Whatever is there.
    Always,
    /// Only when nothing is there (create-only).
    Absent,
    /// Only when exactly this version is there.
    Matches(ETag),
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutOutcome {
    /// Written; the new version.
    Written(ETag),
    /// The condition did not hold; nothing was changed.
    Refused,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The key, below the store's prefix.
    pub key: String,
    /// Size of the content.
    pub size_bytes: u64,
}
