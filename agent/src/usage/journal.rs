//! Usage on disk: the open window, saved every second, and closed windows that the store does not have yet.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use agent_usage::Saved;
use domain::UsageRecord;
use serde::{Deserialize, Serialize};

/// Closed windows that wait for the store at most: a week of minutes. Beyond it the oldest are dropped, with an
/// error in the log and a counter: a full disk would end the worker's tasks.
const WINDOWS: usize = 7 * 24 * 60;
/// A window larger than this is none of ours.
const WINDOW_BYTES: u64 = 64 << 20;

/// Why usage is not on disk.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system.
    #[error("{step} {}", path.display())]
    Disk {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// JSON.
    #[error("{} does not hold usage rows", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
}

/// A closed window on disk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Window {
    /// Its rows, by their numbers; never empty.
    pub rows: Vec<UsageRecord>,
}

/// The folder of one agent's usage.
#[derive(Debug, Clone)]
pub struct Journal {
    folder: PathBuf,
    boot_id: String,
}

impl Journal {
    /// The journal in `folder`, which is made.
    pub fn open(folder: PathBuf) -> Result<Self, JournalError> {
        let closed = folder.join("closed");
        fs::create_dir_all(&closed).map_err(|source| JournalError::Disk {
            step: "cannot make the folder",
            path: closed,
            source,
        })?;
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        Ok(Self { folder, boot_id: boot_id.trim().to_owned() })
    }

    /// This boot of the machine: process ids and times of another one mean nothing.
    pub fn boot_id(&self) -> &str {
        &self.boot_id
    }

    /// Keeps the open window.
    ///
    /// It outlives every process; a machine that loses power may lose it, a minute at most: dozens of workers on a
    /// node must not flush its disk each second.
    pub fn save(&self, saved: &Saved) -> Result<(), JournalError> {
        write(&self.folder.join("open.json"), saved, Flush::No)
    }

    /// The open window that an agent left. One that this version does not understand is put aside.
    pub fn left_open(&self) -> Result<Option<Saved>, JournalError> {
        let path = self.folder.join("open.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(JournalError::Disk { step: "cannot read", path, source }),
        };
        match serde_json::from_slice::<Saved>(&bytes) {
            Ok(saved) if saved.is_known() => Ok(Some(saved)),
            other => {
                let reason = other.err().map_or("another version's".to_owned(), |error| error.to_string());
                tracing::error!(path = %path.display(), reason, "an open usage window is not understood; put aside");
                put_aside(&path);
                Ok(None)
            }
        }
    }

    /// Nothing is open any more: the agent ends by itself.
    pub fn forget_open(&self) -> Result<(), JournalError> {
        remove(&self.folder.join("open.json"))
    }

    /// Nothing in `folder` waits for the store or for being closed.
    pub fn is_done(folder: &Path) -> bool {
        let waits = |folder: &Path| fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
        !folder.join("open.json").exists() && !waits(&folder.join("closed"))
    }

    /// Keeps a closed window until the store has it. The same rows have the same file.
    pub fn close(&self, rows: &[UsageRecord]) -> Result<(), JournalError> {
        let Some(first) = rows.first() else { return Ok(()) };
        let name = format!("{:013}-{:012}-{}.json", first.window_start, first.seq, first.writer);
        let path = self.folder.join("closed").join(name);
        if path.exists() {
            return Ok(());
        }
        write(&path, &Window { rows: rows.to_vec() }, Flush::Yes)
    }

    /// Files of closed windows, the oldest first; what is beyond the limit is dropped.
    pub fn closed(&self) -> Result<Vec<PathBuf>, JournalError> {
        let folder = self.folder.join("closed");
        let failed = |source| JournalError::Disk { step: "cannot list", path: folder.clone(), source };
        let mut files = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                files.push(path);
            }
        }
        files.sort();
        let surplus = files.len().saturating_sub(WINDOWS);
        for path in files.drain(..surplus) {
            metrics::counter!("updraft_agent_usage_dropped_windows_total").increment(1);
            tracing::error!(path = %path.display(), limit = WINDOWS, "the usage backlog is full: a window is dropped");
            remove(&path)?;
        }
        Ok(files)
    }

    /// Reads a closed window; one that is damaged is put aside.
    pub fn read(path: &Path) -> Result<Window, JournalError> {
        let failed = |source| JournalError::Disk { step: "cannot read", path: path.to_owned(), source };
        if fs::metadata(path).map_err(failed)?.len() > WINDOW_BYTES {
            put_aside(path);
            return Err(failed(io::Error::other("it is too large")));
        }
        let bytes = fs::read(path).map_err(failed)?;
        serde_json::from_slice(&bytes).map_err(|source| {
            put_aside(path);
            JournalError::Damaged { path: path.to_owned(), source }
        })
    }

    /// Removes the folders of a journal in which nothing is left.
    pub fn leave(&self) {
        // Refused where something is left, which is what is wanted.
        let removed = fs::remove_dir(self.folder.join("closed")).and_then(|()| fs::remove_dir(&self.folder));
        if let Err(error) = removed {
            tracing::debug!(folder = %self.folder.display(), %error, "the journal stays");
        }
    }

    /// The store has it.
    pub fn stored(path: &Path) -> Result<(), JournalError> {
        remove(path)
    }
}

/// Whether a file must outlive the machine's power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flush {
    Yes,
    No,
}

fn write<T: Serialize>(path: &Path, value: &T, flush: Flush) -> Result<(), JournalError> {
    let failed = |step| move |source| JournalError::Disk { step, path: path.to_owned(), source };
    let bytes = serde_json::to_vec(value)
        .map_err(|source| JournalError::Damaged { path: path.to_owned(), source })?;
    // One agent owns the folder, and one task of it writes.
    let temp = path.with_extension("tmp");
    let mut file = File::create(&temp).map_err(failed("cannot make"))?;
    file.write_all(&bytes).map_err(failed("cannot write"))?;
    if flush == Flush::Yes {
        file.sync_all().map_err(failed("cannot flush"))?;
    }
    fs::rename(&temp, path).map_err(failed("cannot put in place"))?;
    if flush == Flush::No {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("cannot flush the folder of"))
}

fn remove(path: &Path) -> Result<(), JournalError> {
    match fs::remove_file(path) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(JournalError::Disk { step: "cannot remove", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn put_aside(path: &Path) {
    if let Err(error) = fs::rename(path, path.with_extension("damaged")) {
        tracing::warn!(path = %path.display(), %error, "a damaged file stays where it is");
    }
}
