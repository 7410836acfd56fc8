//! Objects as files: the blocking half of the server.

use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use s3s::dto::ETagCondition;
use s3s::{S3Result, s3_error};
use sha2::{Digest, Sha256};

use super::keys;

/// Etags kept; beyond it they are computed again.
const ETAG_LIMIT: usize = 100_000;

/// What tells one content of a file from another: inode, size, modification time.
type Stamp = (u64, u64, i64, i64);

type Etags = HashMap<Stamp, String>;

/// The directory that holds all buckets.
#[derive(Debug)]
pub(super) struct Disk {
    root: PathBuf,
    /// Held for every change of a name: what makes conditional writes atomic. It remembers the etags.
    names: Mutex<Etags>,
    next: AtomicU64,
}

/// An open object.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) size_bytes: u64,
    pub(super) modified: SystemTime,
    pub(super) etag: String,
}

/// Conditions of a write.
#[derive(Debug, Default)]
pub(super) struct Conditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl Disk {
    pub(super) fn open(root: &Path) -> io::Result<Self> {
        for folder in [".tmp", ".uploads"] {
            fs::create_dir_all(root.join(folder))?;
        }
        Ok(Self { root: root.to_owned(), names: Mutex::default(), next: AtomicU64::new(0) })
    }

    pub(super) fn create_bucket(&self, bucket: &str) -> S3Result<()> {
        fs::create_dir_all(self.root.join(bucket)).map_err(internal)
    }

    pub(super) fn buckets(&self) -> S3Result<Vec<String>> {
        let mut buckets = Vec::new();
        for entry in fs::read_dir(&self.root).map_err(internal)? {
            if let Ok(name) = entry.map_err(internal)?.file_name().into_string()
                && !name.starts_with('.')
            {
                buckets.push(name);
            }
        }
        buckets.sort();
        Ok(buckets)
    }

    /// The directory of an existing bucket.
    pub(super) fn bucket(&self, bucket: &str) -> S3Result<PathBuf> {
        let path = self.root.join(bucket);
        if path.is_dir() { Ok(path) } else { Err(s3_error!(NoSuchBucket)) }
    }

    pub(super) fn path(&self, bucket: &str, key: &str) -> S3Result<PathBuf> {
        Ok(self.bucket(bucket)?.join(keys::path(key)?))
    }

    /// A name that no other write of any server on this directory has.
    pub(super) fn unique(&self) -> String {
        let now_ns = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        format!("{now_ns:x}{:x}{:x}", std::process::id(), self.next.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn temp_path(&self) -> PathBuf {
        self.root.join(".tmp").join(self.unique())
    }

    pub(super) fn upload_path(&self, id: &str) -> S3Result<PathBuf> {
        let path = self.root.join(".uploads").join(id);
        let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if plain { Ok(path) } else { Err(s3_error!(NoSuchUpload)) }
    }

    pub(super) fn get(&self, bucket: &str, key: &str) -> S3Result<Opened> {
        self.opened(&self.path(bucket, key)?)?.ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// Opens an object's file; its etag is of what was opened, whatever replaces it meanwhile.
    fn opened(&self, path: &Path) -> S3Result<Option<Opened>> {
        open(&mut self.names(), path).map_err(internal)
    }

    /// Gives a finished temporary file its key if the conditions hold; removes it otherwise.
    pub(super) fn commit(
        &self,
        temp: &Path,
        etag: &str,
        bucket: &str,
        key: &str,
        conditions: &Conditions,
    ) -> S3Result<()> {
        let done = self.try_commit(temp, etag, bucket, key, conditions);
        if done.is_err() {
            // Nobody sees a leftover.
            drop(fs::remove_file(temp));
        }
        done
    }

    fn try_commit(
        &self,
        temp: &Path,
        etag: &str,
        bucket: &str,
        key: &str,
        conditions: &Conditions,
    ) -> S3Result<()> {
        let path = self.path(bucket, key)?;
        let stamp = stamp(&fs::metadata(temp).map_err(internal)?);
        let mut names = self.names();
        let present = open(&mut names, &path).map_err(internal)?;
        conditions.check(present.as_ref().map(|opened| opened.etag.as_str()))?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(internal)?;
        }
        fs::rename(temp, &path).map_err(internal)?;
        remember(&mut names, stamp, etag);
        Ok(())
    }

    pub(super) fn delete(&self, bucket: &str, key: &str, conditions: &Conditions) -> S3Result<()> {
        let bucket_path = self.bucket(bucket)?;
        let path = self.path(bucket, key)?;
        let mut names = self.names();
        let present = open(&mut names, &path).map_err(internal)?;
        conditions.check(present.as_ref().map(|opened| opened.etag.as_str()))?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(internal(error)),
            _ => {}
        }
        // Empty directories are no keys; removing one fails while it holds something.
        let mut folder = path.parent();
        while let Some(path) = folder.filter(|path| *path != bucket_path) {
            if fs::remove_dir(path).is_err() {
                break;
            }
            folder = path.parent();
        }
        Ok(())
    }

    fn names(&self) -> MutexGuard<'_, Etags> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Conditions {
    /// As S3 answers: 404 for If-Match on nothing, 412 for what does not hold.
    pub(super) fn check(&self, present: Option<&str>) -> S3Result<()> {
        if let Some(condition) = &self.if_match {
            let present = present.ok_or_else(|| s3_error!(NoSuchKey))?;
            if !holds(condition, present) {
                return Err(s3_error!(PreconditionFailed));
            }
        }
        if let (Some(condition), Some(present)) = (&self.if_none_match, present)
            && holds(condition, present)
        {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(())
    }
}

pub(super) fn holds(condition: &ETagCondition, present: &str) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == present,
    }
}

pub(super) fn internal(error: io::Error) -> s3s::S3Error {
    s3_error!(error, InternalError)
}

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec())
}

fn open(etags: &mut Etags, path: &Path) -> io::Result<Option<Opened>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let metadata = file.metadata()?;
    let known = etags.get(&stamp(&metadata)).cloned();
    let etag = known.map_or_else(|| hash(&mut file), Ok)?;
    remember(etags, stamp(&metadata), &etag);
    Ok(Some(Opened { file, size_bytes: metadata.len(), modified: metadata.modified()?, etag }))
}

fn remember(etags: &mut Etags, stamp: Stamp, etag: &str) {
    if etags.len() >= ETAG_LIMIT {
        etags.clear();
    }
    etags.insert(stamp, etag.to_owned());
}

/// Etags are the sha256 of the content: stable over restarts, for one-request and multipart writes alike.
fn hash(file: &mut File) -> io::Result<String> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&buffer[..length]);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}
