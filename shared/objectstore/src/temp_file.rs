//! A file that appears under its name only when it is complete and on disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::key::RESERVED_PREFIX;

/// Distinguishes the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Tries before giving up on a free name; names collide only with those of another machine's process
/// on a shared file system.
const NAME_TRIES: usize = 16;

/// A temporary file beside `target`, removed when dropped uncommitted.
#[derive(Debug)]
pub(crate) struct TempFile {
    file: File,
    path: PathBuf,
    target: PathBuf,
}

impl TempFile {
    /// Creates the file, and the directories above it.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let parent = parent(target)?;
        fs::create_dir_all(parent).map_err(|error| match error.kind() {
            // A file is in the way, which `create_dir_all` tells by another kind at its last step.
            io::ErrorKind::AlreadyExists => io::ErrorKind::NotADirectory.into(),
            _ => error,
        })?;
        let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
        for _ in 0..NAME_TRIES {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{RESERVED_PREFIX}tmp.{}.{number}", process::id()));
            match OpenOptions::new().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => return Ok(Self { file, path, target: target.to_owned() }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => last = error,
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Takes the target's name, replacing what is there. Call [`Self::sync`] before.
    pub(crate) fn rename(self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        sync_directory(parent(&self.target)?)
        // The drop removes nothing: the temporary name is gone.
    }

    /// Takes the target's name unless it is taken; says whether it was free.
    pub(crate) fn link(self) -> io::Result<bool> {
        match fs::hard_link(&self.path, &self.target) {
            Ok(()) => sync_directory(parent(&self.target)?).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.target.is_dir() {
                    Err(io::ErrorKind::IsADirectory.into())
                } else {
                    Ok(false)
                }
            }
            Err(error) => Err(error),
        }
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        // Best effort: a leftover is invisible to readers and harmless.
        drop(fs::remove_file(&self.path));
    }
}

fn parent(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Makes a new name survive a crash of the machine.
fn sync_directory(path: &Path) -> io::Result<()> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    File::open(path)?.sync_all()
}
