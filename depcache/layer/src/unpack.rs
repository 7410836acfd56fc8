//! From a layer's bytes to a directory. Only the table of contents says what is written; the tar is data.

use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use domain::layer::{EntryKind, FRAME_SIZE_BYTES, MTIME_S};
use domain::{Digest, Toc, TocEntry};
use sha2::{Digest as _, Sha256};

use crate::frames::frame_bytes;
use crate::toc::{TocError, check};

/// Largest zstd window accepted, as a power of two: frames hold 1 MiB, so nothing honest needs more.
const MAX_WINDOW_LOG: u32 = 21;

/// Why a layer could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The table of contents is not sound.
    #[error("the layer's table of contents is refused")]
    Toc(#[from] TocError),
    /// A frame is not zstd, or ends early.
    #[error("frame {frame} of the layer cannot be read")]
    Frame {
        /// Index of the frame.
        frame: usize,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A frame is not the one that the table of contents names.
    #[error("frame {frame} of the layer is corrupt: its digest differs")]
    FrameDigest {
        /// Index of the frame.
        frame: usize,
    },
    /// More data than the table of contents states.
    #[error("the layer holds more than the {tar_size} bytes that its table of contents states")]
    Longer {
        /// What was stated.
        tar_size: u64,
    },
    /// A file's content is not the one that the table of contents names.
    #[error("{path:?} of the layer is corrupt: its digest differs")]
    FileDigest {
        /// Path in the layer.
        path: String,
    },
    /// The target could not be written.
    #[error("cannot write {path:?}")]
    Write {
        /// Path in the layer.
        path: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl UnpackError {
    /// Whether the stored bytes are at fault, so that another copy may help; otherwise this machine's disk is.
    pub fn is_corrupt(&self) -> bool {
        !matches!(self, Self::Write { .. })
    }
}

/// Writes every entry of `toc` below `target`, an empty directory that only the caller writes to.
///
/// Each frame and each file is verified before the call succeeds. On an error the directory is left partly filled: remove it.
pub fn unpack(tar_zst: impl Read, toc: &Toc, target: &Path) -> Result<(), UnpackError> {
    check(toc)?;
    let mut decoder = zstd::stream::read::Decoder::new(tar_zst)
        .and_then(|mut decoder| decoder.window_log_max(MAX_WINDOW_LOG).map(|()| decoder))
        .map_err(|source| UnpackError::Frame { frame: 0, source })?;
    let mut frames = Frames { toc, index: 0, buffer: Vec::new(), consumed: 0, position: 0 };
    for entry in &toc.entries {
        let at = target.join(&entry.path);
        let write = |source| UnpackError::Write { path: entry.path.clone(), source };
        match entry.kind {
            EntryKind::Directory => fs::create_dir(&at).map_err(write)?,
            EntryKind::Symlink => symlink(entry.target.as_deref().unwrap_or_default(), &at).map_err(write)?,
            EntryKind::File => write_file(&mut frames, &mut decoder, entry, &at)?,
        }
    }
    frames.skip_to(&mut decoder, toc.tar_size)?;
    match decoder.read(&mut [0]) {
        Ok(0) => Ok(()),
        Ok(_) => Err(UnpackError::Longer { tar_size: toc.tar_size }),
        Err(source) => Err(UnpackError::Frame { frame: frames.index, source }),
    }
}

fn write_file(
    frames: &mut Frames<'_>,
    decoder: &mut impl Read,
    entry: &TocEntry,
    at: &Path,
) -> Result<(), UnpackError> {
    let write = |source| UnpackError::Write { path: entry.path.clone(), source };
    frames.skip_to(decoder, entry.offset.unwrap_or_default())?;
    let mut file = File::options().write(true).create_new(true).open(at).map_err(write)?;
    let mut hash = Sha256::new();
    let mut left = entry.size;
    while left > 0 {
        let bytes = frames.next(decoder, left)?;
        hash.update(bytes);
        file.write_all(bytes).map_err(write)?;
        left -= bytes.len() as u64;
    }
    if Some(Digest::from_bytes(hash.finalize().into())) != entry.sha256 {
        return Err(UnpackError::FileDigest { path: entry.path.clone() });
    }
    // Only the permission bits that layers may have: never set-uid, whatever a table says.
    file.set_permissions(Permissions::from_mode(if entry.mode & 0o111 == 0 { 0o644 } else { 0o755 }))
        .map_err(write)?;
    let mtime = SystemTime::UNIX_EPOCH + Duration::from_secs(MTIME_S);
    file.set_times(FileTimes::new().set_modified(mtime)).map_err(write)
}

/// The verified uncompressed bytes, frame by frame.
struct Frames<'t> {
    toc: &'t Toc,
    index: usize,
    buffer: Vec<u8>,
    consumed: usize,
    position: u64,
}

impl Frames<'_> {
    /// The next bytes, at least one and at most `limit`.
    fn next(&mut self, decoder: &mut impl Read, limit: u64) -> Result<&[u8], UnpackError> {
        if self.consumed == self.buffer.len() {
            self.fill(decoder)?;
        }
        let room = self.buffer.len() - self.consumed;
        let count = usize::try_from(limit).map_or(room, |limit| limit.min(room));
        let bytes = &self.buffer[self.consumed..self.consumed + count];
        self.consumed += count;
        self.position += count as u64;
        Ok(bytes)
    }

    fn skip_to(&mut self, decoder: &mut impl Read, offset: u64) -> Result<(), UnpackError> {
        while self.position < offset {
            let left = offset - self.position;
            self.next(decoder, left)?;
        }
        Ok(())
    }

    fn fill(&mut self, decoder: &mut impl Read) -> Result<(), UnpackError> {
        let frame = self.index;
        let short = || UnpackError::Frame { frame, source: io::ErrorKind::UnexpectedEof.into() };
        let expected = *self.toc.frames.get(frame).ok_or_else(short)?;
        let left = self.toc.tar_size - frame as u64 * FRAME_SIZE_BYTES;
        let size = usize::try_from(left).map_or(frame_bytes(), |left| left.min(frame_bytes()));
        self.buffer.resize(size, 0);
        decoder.read_exact(&mut self.buffer).map_err(|source| UnpackError::Frame { frame, source })?;
        if Digest::of(&self.buffer) != expected {
            return Err(UnpackError::FrameDigest { frame });
        }
        self.index += 1;
        self.consumed = 0;
        Ok(())
    }
}

/// Checks that `directory` holds every entry of `toc` unchanged: sizes, digests, kinds.
///
/// For directories whose writes a crash may have cut. Answers the first path that differs.
pub fn first_difference(directory: &Path, toc: &Toc) -> io::Result<Option<String>> {
    for entry in &toc.entries {
        let at = directory.join(&entry.path);
        let same = match fs::symlink_metadata(&at) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => false,
            Err(error) => return Err(error),
            Ok(found) => match entry.kind {
                EntryKind::Directory => found.is_dir(),
                EntryKind::Symlink => {
                    found.is_symlink() && fs::read_link(&at)?.to_str() == entry.target.as_deref()
                }
                EntryKind::File => {
                    found.is_file() && found.len() == entry.size && Some(digest_of(&at)?) == entry.sha256
                }
            },
        };
        if !same {
            return Ok(Some(entry.path.clone()));
        }
    }
    Ok(None)
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hash = crate::pack::Hashing::new(File::open(path)?);
    io::copy(&mut hash, &mut io::sink())?;
    Ok(hash.digest())
}
