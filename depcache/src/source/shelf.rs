//! What was found and built before, in the cache: metadata and wheels by content.
//!
//! Everything is written under a temporary name and renamed. It is only a cache: whatever cannot be read, or is not what
//! its record says, counts as absent.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use domain::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::known::Facts;
use super::{Known, SourceError, file_digest};

/// The record of a wheel.
const ABOUT: &str = "about.json";
/// How often a waiting process looks whether another has finished.
const POLL: Duration = Duration::from_millis(50);

/// The part of the cache that belongs to sources.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    dir: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct About {
    filename: String,
    sha256: Digest,
    facts: Facts,
}

/// A wheel that is here.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) filename: String,
    pub(super) sha256: Digest,
    pub(super) known: Known,
}

/// The right to build something; given back with this value, also by a kill.
#[derive(Debug)]
pub(super) struct Flight {
    _lock: File,
}

impl Shelf {
    /// In the cache's directory of this format.
    pub(super) fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned() }
    }

    /// Where logs of failed builds are kept.
    pub(super) fn logs(&self) -> PathBuf {
        self.dir.join("logs")
    }

    pub(super) fn metadata(&self, key: &Digest) -> Option<Known> {
        Self::read::<Facts>(&self.record("source-metadata", key))?.known()
    }

    pub(super) fn put_metadata(&self, key: &Digest, known: &Known) -> Result<(), SourceError> {
        self.write(&self.record("source-metadata", key), &Facts::from(known))
    }

    /// What the backend answered when it was asked for more requirements.
    pub(super) fn more_requires(&self, key: &Digest) -> Option<Vec<String>> {
        Self::read(&self.record("build-requires", key))
    }

    pub(super) fn put_more_requires(&self, key: &Digest, requires: &[String]) -> Result<(), SourceError> {
        self.write(&self.record("build-requires", key), &requires)
    }

    /// Blocking: its content is compared with its record.
    pub(super) fn wheel(&self, key: &Digest) -> Option<Found> {
        let dir = self.wheel_dir(key);
        let about: About = Self::read(&dir.join(ABOUT))?;
        let path = dir.join(&about.filename);
        let actual = file_digest(&path).ok()?;
        touch(&path);
        if actual != about.sha256 {
            // Damaged: make room for a new one.
            drop(fs::remove_dir_all(&dir));
            return None;
        }
        Some(Found { path, filename: about.filename, sha256: actual, known: about.facts.known()? })
    }

    /// Takes in a wheel that was checked. Blocking. Of two that were built for one key the first stays.
    pub(super) fn put_wheel(&self, key: &Digest, wheel: &Path, known: &Known) -> Result<Found, SourceError> {
        let to = self.wheel_dir(key);
        let parent = to.parent().unwrap_or(&self.dir).to_owned();
        let disk = |source| SourceError::Disk { path: parent.clone(), source };
        fs::create_dir_all(&parent).map_err(disk)?;
        let making = tempfile::Builder::new().prefix(".making-").tempdir_in(&parent).map_err(disk)?;
        let filename = wheel.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let sha256 = file_digest(wheel).map_err(disk)?;
        fs::copy(wheel, making.path().join(&filename)).map_err(disk)?;
        let about = About { filename: filename.clone(), sha256, facts: Facts::from(known) };
        let text = serde_json::to_vec(&about).map_err(|error| disk(error.into()))?;
        fs::write(making.path().join(ABOUT), text).map_err(disk)?;
        for file in [&filename, ABOUT] {
            File::open(making.path().join(file)).and_then(|file| file.sync_all()).map_err(disk)?;
        }
        match fs::rename(making.path(), &to) {
            Ok(()) => {
                let _renamed = making.keep();
            }
            Err(error) if self.wheel(key).is_some() => {
                tracing::debug!(%error, "another process has built the same wheel");
            }
            Err(error) => return Err(disk(error)),
        }
        let gone = || disk(io::ErrorKind::NotFound.into());
        self.wheel(key).ok_or_else(gone)
    }

    /// Waits for the right to build `key`. Blocking, at most `limit`.
    pub(super) fn flight(&self, label: &str, key: &Digest, limit: Duration) -> Result<Flight, SourceError> {
        let path = self.dir.join("flights").join(key.hex());
        let disk = |source| SourceError::Disk { path: path.clone(), source };
        fs::create_dir_all(path.parent().unwrap_or(&self.dir)).map_err(disk)?;
        let lock = File::options().create(true).write(true).truncate(false).open(&path).map_err(disk)?;
        let started = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Flight { _lock: lock }),
                Err(TryLockError::Error(error)) => return Err(disk(error)),
                Err(TryLockError::WouldBlock) if started.elapsed() > limit => {
                    let waited_s = started.elapsed().as_secs();
                    return Err(SourceError::Busy { label: label.to_owned(), waited_s });
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(POLL),
            }
        }
    }

    fn wheel_dir(&self, key: &Digest) -> PathBuf {
        self.dir.join("built").join(key.shard()).join(key.hex())
    }

    fn record(&self, kind: &str, key: &Digest) -> PathBuf {
        self.dir.join(kind).join(key.shard()).join(key.hex())
    }

    fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
        let value = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
        touch(path);
        Some(value)
    }

    fn write(&self, path: &Path, value: &impl Serialize) -> Result<(), SourceError> {
        let parent = path.parent().unwrap_or(&self.dir);
        let disk = |source| SourceError::Disk { path: path.to_owned(), source };
        fs::create_dir_all(parent).map_err(disk)?;
        let mut file = tempfile::NamedTempFile::new_in(parent).map_err(disk)?;
        let bytes = serde_json::to_vec(value).map_err(|error| disk(error.into()))?;
        file.write_all(&bytes).map_err(disk)?;
        file.persist(path).map_err(|error| disk(error.error))?;
        Ok(())
    }
}

/// Marks a file as used, for the trimming of the cache; a read-only cache is fine without it.
fn touch(path: &Path) {
    drop(File::open(path).and_then(|file| file.set_modified(SystemTime::now())));
}
