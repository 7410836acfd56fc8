//! What is written down about a worker, so that the next autoscaler finds it.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Version of [`Record`].
const SCHEMA: u32 = 1;
/// Records of workers end so.
const EXTENSION: &str = "json";

/// A worker agent that was started. Written before the process exists, so that none is ever forgotten.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name, unique over time.
    pub worker: String,
    /// Path of the agent's socket.
    pub socket: PathBuf,
    /// Path of its output.
    pub log: PathBuf,
    /// When it was started (Unix milliseconds).
    pub started_ms: u64,
    /// The agent's process; absent only if the autoscaler ended between writing this and starting it.
    pub pid: Option<u32>,
    /// The kernel's start time of that process: a pid alone may be somebody else's today.
    pub start_ticks: Option<u64>,
    /// Last drain epoch that was used.
    pub drain_epoch: u64,
    /// Whether the last request of that epoch was to drain (and not to take it back).
    pub drain_asked_ms: Option<u64>,
    /// When it was told to end.
    pub stopping_ms: Option<u64>,
}

impl Record {
    /// A worker that is about to be started.
    pub fn new(worker: String, socket: PathBuf, log: PathBuf, started_ms: u64) -> Self {
        Self {
            schema: SCHEMA,
            worker,
            socket,
            log,
            started_ms,
            pid: None,
            start_ticks: None,
            drain_epoch: 0,
            drain_asked_ms: None,
            stopping_ms: None,
        }
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(&self.worker).with_extension(EXTENSION)
    }

    /// Writes it durably.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        write_durably(&self.path(directory), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets it, with the socket that a crashed agent leaves behind.
    pub fn remove(&self, directory: &Path) -> io::Result<()> {
        for path in [self.path(directory), self.socket.clone()] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// All records of a directory. What is no record is an error: guessing could start workers twice.
    pub fn read_all(directory: &Path) -> io::Result<Vec<Self>> {
        let mut records = Vec::new();
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                let record: Self = serde_json::from_slice(&fs::read(&path)?)?;
                if record.schema != SCHEMA {
                    return Err(io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("{} has schema {}, expected {SCHEMA}", path.display(), record.schema),
                    ));
                }
                records.push(record);
            }
        }
        records.sort_by(|one, other| one.worker.cmp(&other.worker));
        Ok(records)
    }
}

/// Temporary file, fsync, rename.
fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)
}

/// Temporary file, rename: for what is only advice and may be lost with the machine.
pub(crate) fn write_quickly(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    fs::write(&temporary, bytes)?;
    fs::rename(&temporary, path)
}
