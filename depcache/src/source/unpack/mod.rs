//! Source archives on disk: `.tar.gz` and `.zip`, told apart by their first bytes.
//!
//! - Nothing is written outside the given directory, whatever the members are called: paths and link targets are judged
//!   before anything is written, and links are made last, so that no member is ever written through one.
//! - Devices, pipes, sparse members, encrypted members and members named twice are refused.
//! - Entries, bytes and the ratio to the archive's own size are bounded; a bomb ends with an error, not a full disk.

mod place;
mod tar;
mod zip;

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::{Path, PathBuf};

use depcache_layer::PathFault;

use place::Place;

/// Members of an archive; the largest source distributions have about 40,000.
const MAX_ENTRIES: u64 = 200_000;
/// Bytes of all members; the largest source distributions unpack to about 1 GB.
const MAX_BYTES: u64 = 4 << 30;
/// Unpacked bytes for each byte of the archive. Source text packs tenfold; deflate itself ends at about 1,030.
const MAX_RATIO: u64 = 200;
/// Up to here the ratio does not matter: small archives of empty files would fail it.
const RATIO_FREE_BYTES: u64 = 64 << 20;

/// Why an archive is not unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// Neither gzip nor zip.
    #[error("it is neither a .tar.gz nor a .zip archive")]
    Format,
    /// Damaged, or cut off.
    #[error("the archive is damaged")]
    Damaged(#[source] io::Error),
    /// The zip directory is damaged or contradicts itself.
    #[error("the zip archive is damaged")]
    Zip(#[source] ::zip::result::ZipError),
    /// A member's path is not acceptable.
    #[error("its member {path} has a path that is not accepted")]
    Path {
        /// The path, cut.
        path: String,
        /// What is wrong.
        #[source]
        source: PathFault,
    },
    /// A member's path is no text.
    #[error("a member's path is not UTF-8: {path}")]
    Encoding {
        /// The path with replacement characters, cut.
        path: String,
    },
    /// A device, a pipe, a sparse or an encrypted member.
    #[error("its member {path} is a {kind}")]
    Special {
        /// The path.
        path: String,
        /// `device`, `pipe`, …
        kind: &'static str,
    },
    /// A link that leaves the archive's directory, or points to what is not there.
    #[error("its link {path} points outside the archive: {target}")]
    Link {
        /// The link.
        path: String,
        /// Its target, cut.
        target: String,
    },
    /// Two members of one name, or a member below a file.
    #[error("its member {path} is in the way of another one")]
    Collision {
        /// The path.
        path: String,
    },
    /// Too many members.
    #[error("it has more than {limit} members")]
    TooMany {
        /// The bound.
        limit: u64,
    },
    /// Too many bytes.
    #[error("it unpacks to more than {limit_bytes} bytes")]
    TooLarge {
        /// The bound that applies to an archive of this size.
        limit_bytes: u64,
    },
    /// Nothing in it.
    #[error("there is nothing in it")]
    Empty,
    /// This machine's disk.
    #[error("{} cannot be written", path.display())]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

impl UnpackError {
    /// Whether the archive itself is at fault, for good.
    pub fn is_archive_at_fault(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

/// Bounds of one archive.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    entries: u64,
    bytes: u64,
}

impl Bounds {
    /// For an archive of this size.
    pub(super) fn of(archive_bytes: u64) -> Self {
        let by_ratio = archive_bytes.saturating_mul(MAX_RATIO).max(RATIO_FREE_BYTES);
        Self { entries: MAX_ENTRIES, bytes: by_ratio.min(MAX_BYTES) }
    }
}

/// Unpacks `archive` into `to`, an empty directory, and answers the tree's root: the archive's only top directory, else
/// `to` itself. Blocking.
pub(super) fn unpack(archive: &Path, to: &Path) -> Result<PathBuf, UnpackError> {
    let read = |source| UnpackError::Write { path: archive.to_owned(), source };
    let mut file = File::open(archive).map_err(read)?;
    let bounds = Bounds::of(file.metadata().map_err(read)?.len());
    let mut magic = Vec::new();
    (&mut file).take(4).read_to_end(&mut magic).map_err(read)?;
    file.rewind().map_err(read)?;
    let mut place = Place::new(to, bounds);
    match magic.as_slice() {
        [0x1f, 0x8b, ..] => tar::unpack(BufReader::new(file), &mut place)?,
        [b'P', b'K', 3, 4] => zip::unpack(BufReader::new(file), &mut place)?,
        _ => return Err(UnpackError::Format),
    }
    place.finish()
}

#[cfg(test)]
mod tests;
