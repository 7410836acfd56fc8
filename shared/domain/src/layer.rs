//! The layer format: one wheel for one target as one deterministic tar, stored as zstd frames.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Digest;

/// Version of the layer format; part of the target's identity.
pub const FORMAT: u32 = 1;
/// Version of [`Toc`].
pub const TOC_SCHEMA: u32 = 1;
/// Uncompressed bytes in one zstd frame. Measured trade-off: 7 % larger than 16 MiB frames, finest useful laziness.
pub const FRAME_SIZE_BYTES: u64 = 1 << 20;
/// Modification time of every member: 1980-01-01T00:00:00Z, the oldest that zip can hold.
pub const MTIME_S: u64 = 315_532_800;

/// What a member of a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link inside the layer.
    Symlink,
}

/// One member of a layer's tar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TocEntry {
    /// Path relative to the environment's root, `/` separated, no leading `/`, no `..`.
    pub path: String,
    /// Kind of member.
    pub kind: EntryKind,
    /// Permission bits, 0o644 or 0o755.
    pub mode: u32,
    /// Content bytes; 0 for directories and links.
    pub size: u64,
    /// sha256 of the content; absent for directories and links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Byte offset of the content in the uncompressed tar; absent for directories and links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// Target of a link.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// `v1/layers/<2 hex>/<tar digest>.toc.zst`: table of contents of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Toc {
    /// [`TOC_SCHEMA`].
    pub schema: u32,
    /// sha256 of the uncompressed tar: the layer's name.
    pub tar_digest: Digest,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Normalised name of the wheel's distribution.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Some ELF run path leaves the layer: link mode must keep real directories.
    pub needs_real_directories: bool,
    /// sha256 of each uncompressed frame, in order.
    pub frames: Vec<Digest>,
    /// Members, sorted by path.
    pub entries: Vec<TocEntry>,
}

/// One layer as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LayerEntry {
    /// sha256 of the uncompressed tar.
    pub tar_digest: Digest,
    /// sha256 of the canonical JSON of the [`Toc`].
    pub toc_digest: Digest,
    /// Bytes of the uncompressed tar.
    pub tar_size: u64,
    /// Number of regular files.
    pub files: u64,
    /// Normalised distribution name.
    pub name: String,
    /// Version.
    pub version: String,
}

/// `v1/wheels/<wheel sha256>/<target id>.json`: which layer a wheel became for a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WheelLayer {
    /// Schema of this record, 1.
    pub schema: u32,
    /// The wheel's file name.
    pub filename: String,
    /// The layer.
    pub layer: LayerEntry,
}
