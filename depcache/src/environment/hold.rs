//! Who uses an environment: a shared lock on its manifest, held as long as a process lives, and released by the kernel
//! when it dies. What is held is not removed.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Directory of an environment that is about the environment itself.
pub(super) const ABOUT: &str = ".updraft";

/// Where an environment keeps its manifest.
pub(super) fn manifest_path(root: &Path) -> PathBuf {
    root.join(ABOUT).join("manifest.json")
}

/// A use of an environment; ends when dropped.
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "held for its lock")] File);

/// Holds the environment at `root`. `None`: it is not there, or is being removed.
pub fn hold(root: &Path) -> io::Result<Option<Hold>> {
    let path = manifest_path(root);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock_shared() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => return Err(error),
    }
    if !is_at(&file, &path) {
        return Ok(None);
    }
    // When it was last used; a volume that others own is fine without it.
    drop(file.set_modified(SystemTime::now()));
    Ok(Some(Hold(file)))
}

/// Locks a file against every use. `None`: somebody uses it.
pub(super) fn exclude(path: &Path) -> io::Result<Option<Hold>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(Hold(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

/// Whether `path` still leads to `file`.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(held), Ok(there)) => id(held) == id(there),
        _ => false,
    }
}
