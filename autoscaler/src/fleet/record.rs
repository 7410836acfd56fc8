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
    /// Starts after a kill, in a row.
    #[serde(default)]
    pub restarts: u32,
    /// When the next of them is due; its agent does not live until then.
    #[serde(default)]
    pub restart_at_ms: Option<u64>,
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
            restarts: 0,
            restart_at_ms: None,
        }
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(&self.worker).with_extension(EXTENSION)
    }

    /// Writes it durably.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        write_durably(&self.path(directory), &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets it; what its agent left stays.
    pub fn forget(&self, directory: &Path) -> io::Result<()> {
        remove_if_there(&self.path(directory))
    }

    /// Forgets it, with what a crashed agent leaves beside its socket. The log stays.
    pub fn remove(&self, directory: &Path) -> io::Result<()> {
        remove_if_there(&self.path(directory))?;
        let (Some(folder), Some(id)) = (self.socket.parent(), self.socket.file_stem()) else { return Ok(()) };
        let prefix = format!("{}.", id.to_string_lossy());
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let belongs = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix));
            if belongs && path != self.log {
                remove_if_there(&path)?;
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

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_takes_its_left_overs_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let workers = folder.path().join("workers");
        fs::create_dir(&workers).unwrap();
        let file = |name: &str| folder.path().join(name);
        let record = Record::new("etl-a1".into(), file("a1.sock"), file("a1.log"), 7);
        record.write(&workers).unwrap();
        assert_eq!(Record::read_all(&workers).unwrap(), std::slice::from_ref(&record));
        for name in ["a1.sock", "a1.sock.drain.json", "a1.log", "a12.sock"] {
            fs::write(file(name), "").unwrap();
        }
        record.remove(&workers).unwrap();
        assert!(Record::read_all(&workers).unwrap().is_empty());
        let left: Vec<bool> =
            ["a1.sock", "a1.sock.drain.json", "a1.log", "a12.sock"].map(|name| file(name).exists()).into();
        assert_eq!(left, [false, false, true, true]);
    }

    #[test]
    fn a_damaged_record_stops_the_start() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("x.json"), "{").unwrap();
        assert!(Record::read_all(folder.path()).is_err());
    }
}
