//! The stored table of contents: canonical JSON, compressed.

use domain::layer::{EntryKind, FRAME_SIZE_BYTES, TOC_SCHEMA};
use domain::{Digest, Toc, canonical};

use crate::capped::read_all;
use crate::path::{PathFault, check_path, parent, resolve};

/// Largest uncompressed table of contents: about 200 bytes an entry, so a million files.
pub const MAX_TOC_BYTES: u64 = 256 << 20;
/// Far stronger than for contents: tables are small, read often and written once.
const TOC_LEVEL: i32 = 12;

/// Why bytes are not a table of contents.
#[derive(Debug, thiserror::Error)]
pub enum TocError {
    /// Not zstd, or larger than allowed.
    #[error("the table of contents cannot be decompressed")]
    Decompress(#[source] std::io::Error),
    /// It cannot be compressed.
    #[error("the table of contents cannot be compressed")]
    Compress(#[source] std::io::Error),
    /// Its digest is not the manifest's.
    #[error("the table of contents has the digest {}, expected {}", found.short(), expected.short())]
    Digest {
        /// Digest of the bytes.
        found: Digest,
        /// Digest that the manifest states.
        expected: Digest,
    },
    /// Not JSON of this form.
    #[error("the table of contents is not of the expected form")]
    Parse(#[source] serde_json::Error),
    /// A version that this program does not know.
    #[error("the table of contents has schema {schema}, expected {TOC_SCHEMA}")]
    Schema {
        /// The version found.
        schema: u32,
    },
    /// An entry that no layer may hold.
    #[error("the table of contents has the path {path:?}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        source: PathFault,
    },
    /// Entries that cannot come from the packer: out of order, overlapping, without a parent, a link that leaves.
    #[error("the table of contents is inconsistent at {path:?}")]
    Inconsistent {
        /// The path where it was seen.
        path: String,
    },
    /// It has no canonical form.
    #[error("the table of contents has no canonical form")]
    Canonical(#[source] canonical::CanonicalError),
}

/// The stored bytes and the digest that the manifest states.
///
/// ```
/// # let packed = depcache_layer::pack(&[], &depcache_layer::NoContents, &depcache_layer::Origin::new("six", "1", "lib"), Vec::new()).unwrap();
/// let (bytes, digest) = depcache_layer::encode_toc(&packed.toc)?;
/// assert_eq!(depcache_layer::decode_toc(&bytes, &digest)?, packed.toc);
/// # Ok::<(), depcache_layer::TocError>(())
/// ```
pub fn encode_toc(toc: &Toc) -> Result<(Vec<u8>, Digest), TocError> {
    let json = canonical::to_bytes(toc).map_err(TocError::Canonical)?;
    let bytes = zstd::bulk::compress(&json, TOC_LEVEL).map_err(TocError::Compress)?;
    Ok((bytes, Digest::of(&json)))
}

/// Reads stored bytes and checks everything that the unpacker relies on.
pub fn decode_toc(bytes: &[u8], expected: &Digest) -> Result<Toc, TocError> {
    let decoder = zstd::stream::read::Decoder::with_buffer(bytes).map_err(TocError::Decompress)?;
    let json = read_all(decoder, MAX_TOC_BYTES).map_err(TocError::Decompress)?;
    let found = Digest::of(&json);
    if found != *expected {
        return Err(TocError::Digest { found, expected: *expected });
    }
    let toc: Toc = serde_json::from_slice(&json).map_err(TocError::Parse)?;
    check(&toc)?;
    Ok(toc)
}

/// Checks the invariants that [`crate::pack`] gives: sorted unique paths, parents first and real directories,
/// contents in order without overlap inside the tar, frames that cover it, links that stay inside.
pub fn check(toc: &Toc) -> Result<(), TocError> {
    if toc.schema != TOC_SCHEMA {
        return Err(TocError::Schema { schema: toc.schema });
    }
    if toc.tar_size.div_ceil(FRAME_SIZE_BYTES) != toc.frames.len() as u64 {
        return Err(TocError::Inconsistent { path: "(frames)".into() });
    }
    let mut end = 0;
    let mut directories = std::collections::HashSet::from([""]);
    let mut previous = "";
    for entry in &toc.entries {
        check_path(&entry.path).map_err(|source| TocError::Path { path: entry.path.clone(), source })?;
        let sound = match entry.kind {
            EntryKind::Directory => true,
            EntryKind::Symlink => entry.target.as_deref().is_some_and(|target| {
                !target.starts_with('/') && resolve(parent(&entry.path), target).is_some()
            }),
            EntryKind::File => entry.sha256.is_some() && entry.offset.is_some_and(|offset| offset >= end),
        };
        let parent_known = directories.contains(parent(&entry.path));
        if !sound || !parent_known || entry.path.as_str() <= previous {
            return Err(TocError::Inconsistent { path: entry.path.clone() });
        }
        if entry.kind == EntryKind::Directory {
            directories.insert(&entry.path);
        }
        if let Some(offset) = entry.offset {
            end = offset
                .checked_add(entry.size)
                .filter(|end| *end <= toc.tar_size)
                .ok_or_else(|| TocError::Inconsistent { path: entry.path.clone() })?;
        }
        previous = &entry.path;
    }
    Ok(())
}
