//! The blocking half: one function per operation, over paths.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::key::RESERVED_PREFIX;
use crate::temp_file::TempFile;
use crate::{Condition, ETag, GET_LIMIT_BYTES, Meta, Object, PutOutcome};

/// Above this an etag is made of inode, time and size, because hashing gigabytes for a look-up is too
/// dear. Writing this much takes longer than the file system's clock tick, so such etags never repeat.
const HASH_LIMIT_BYTES: u64 = 8 << 20;

/// A lock is held for a rename, not for the transfer: waiting longer than this means a stuck file system.
const LOCK_WAIT: Duration = Duration::from_secs(10);

/// Pause between two tries for the lock.
const LOCK_PAUSE: Duration = Duration::from_millis(1);

/// Where the content to write is.
pub(super) enum Content<'a> {
    Bytes(&'a [u8]),
    File(&'a mut File),
}

/// Opens an object; `None` when there is none (or only keys below it).
pub(super) fn open(path: &Path) -> io::Result<Option<(File, fs::Metadata)>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if is_absence(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    Ok(metadata.is_file().then_some((file, metadata)))
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(super) fn read(path: &Path) -> io::Result<Option<Object>> {
    let Some((mut file, metadata)) = open(path)? else { return Ok(None) };
    if metadata.len() > GET_LIMIT_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let etag = if metadata.len() <= HASH_LIMIT_BYTES {
        hash_etag(&Sha256::digest(&bytes))
    } else {
        stamp_etag(&metadata)
    };
    Ok(Some(Object { bytes: Bytes::from(bytes), etag }))
}

pub(super) fn stat(path: &Path) -> io::Result<Option<Meta>> {
    let Some((file, metadata)) = open(path)? else { return Ok(None) };
    Ok(Some(Meta { size_bytes: metadata.len(), etag: etag(&file, &metadata)? }))
}

/// The bytes of `start..end` that exist; `None` when there is no object.
pub(super) fn read_range(path: &Path, start: u64, end: u64) -> io::Result<Option<Vec<u8>>> {
    let Some((file, metadata)) = open(path)? else { return Ok(None) };
    let length = metadata.len().min(end).saturating_sub(start);
    if length > GET_LIMIT_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?];
    file.read_exact_at(&mut bytes, start)?;
    Ok(Some(bytes))
}

pub(super) fn write(path: &Path, content: Content<'_>, condition: &Condition) -> io::Result<PutOutcome> {
    if *condition == Condition::Absent && open(path)?.is_some() {
        return Ok(PutOutcome::Refused);
    }
    let temp = TempFile::beside(path)?;
    match content {
        Content::Bytes(bytes) => temp.file().write_all(bytes)?,
        Content::File(source) => {
            io::copy(source, &mut temp.file())?;
        }
    }
    temp.sync()?;
    let written = etag(temp.file(), &temp.file().metadata()?)?;
    let done = match condition {
        // link(2) decides among creators without the lock.
        Condition::Absent => temp.link()?,
        Condition::Always => {
            // Under the lock all the same: a writer that compares etags must not be overtaken.
            let _lock = lock(path)?;
            temp.rename()?;
            true
        }
        Condition::Matches(expected) => {
            let _lock = lock(path)?;
            let same = stat(path)?.is_some_and(|present| present.etag == *expected);
            if same {
                temp.rename()?;
            }
            same
        }
    };
    Ok(if done { PutOutcome::Written(written) } else { PutOutcome::Refused })
}

pub(super) fn delete(path: &Path) -> io::Result<()> {
    if open(path)?.is_none() {
        return Ok(());
    }
    let _lock = lock(path)?;
    match fs::remove_file(path) {
        Err(error) if !is_absence(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Holds the write lock of the directory that `path` is in, until dropped. Processes on one machine
/// exclude each other by it, whatever root they opened the store with.
fn lock(path: &Path) -> io::Result<File> {
    let file_path = path.with_file_name(format!("{RESERVED_PREFIX}lock"));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(file_path)?;
    let deadline = Instant::now() + LOCK_WAIT;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => thread::sleep(LOCK_PAUSE),
            Err(TryLockError::WouldBlock) => return Err(io::ErrorKind::TimedOut.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}

fn etag(mut file: &File, metadata: &fs::Metadata) -> io::Result<ETag> {
    if metadata.len() > HASH_LIMIT_BYTES {
        return Ok(stamp_etag(metadata));
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(hash_etag(&Sha256::digest(&bytes)))
}

fn hash_etag(hash: &[u8]) -> ETag {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    ETag::new(hash.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect::<String>())
}

fn stamp_etag(metadata: &fs::Metadata) -> ETag {
    let (size, inode) = (metadata.len(), metadata.ino());
    ETag::new(format!("{size:x}-{:x}.{:09}-{inode:x}", metadata.mtime(), metadata.mtime_nsec()))
}
