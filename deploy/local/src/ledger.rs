//! The record of what was started: name, pid and start time. A pid alone may be somebody else's by now.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;

/// One process that this program started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// `redis`, `scheduler`, …; its log is `logs/<name>.log`.
    pub name: String,
    /// Its pid.
    pub pid: u32,
    /// The kernel's start time, clock ticks since boot.
    pub start_ticks: u64,
}

impl Entry {
    /// True while exactly this process runs.
    pub(crate) fn is_running(&self) -> bool {
        start_ticks(self.pid) == Some(self.start_ticks)
    }
}

/// `processes.json`.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
}

impl Ledger {
    /// The ledger of a state folder.
    pub(crate) fn of(state_dir: &Path) -> Self {
        Self { path: state_dir.join("processes.json") }
    }

    /// What was recorded, oldest first.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>, Failure> {
        match fs::read(&self.path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| Failure::Record { path: self.path.clone(), source }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(Failure::file("read", &self.path)(error)),
        }
    }

    /// Records a process, before anybody waits for it.
    pub(crate) fn add(&self, entry: Entry) -> Result<(), Failure> {
        let mut entries = self.entries()?;
        entries.push(entry);
        self.write(&entries)
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) -> Result<(), Failure> {
        self.write(&[])
    }

    fn write(&self, entries: &[Entry]) -> Result<(), Failure> {
        write_json(&self.path, &entries)
    }
}

/// Writes a document as a whole: a temporary file, then a rename.
pub(crate) fn write_json(path: &Path, document: &impl Serialize) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let bytes = serde_json::to_vec_pretty(document)
        .map_err(|source| Failure::Record { path: path.to_owned(), source })?;
    let file = tempfile::NamedTempFile::new_in(folder).map_err(Failure::file("write in", folder))?;
    fs::write(file.path(), bytes).map_err(Failure::file("write", path))?;
    file.as_file().sync_all().map_err(Failure::file("write", path))?;
    file.persist(path).map_err(|error| Failure::file("write", path)(error.error))?;
    Ok(())
}

/// The kernel's start time of a process. `None`: there is none, or only its exit status is left.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything: fields are counted behind the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    match fields.next()? {
        "Z" | "X" => None,
        _ => fields.nth(18)?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reused_pid_is_not_the_recorded_process() {
        let pid = std::process::id();
        let start_ticks = start_ticks(pid).unwrap();
        let me = Entry { name: "me".to_owned(), pid, start_ticks };
        assert!(me.is_running());
        assert!(!Entry { start_ticks: start_ticks + 1, ..me }.is_running());
    }

    #[test]
    fn entries_survive_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = Ledger::of(folder.path());
        assert_eq!(ledger.entries().unwrap(), []);
        for pid in [7, 3] {
            ledger.add(Entry { name: format!("p{pid}"), pid, start_ticks: 1 }).unwrap();
        }
        let pids: Vec<u32> = ledger.entries().unwrap().iter().map(|entry| entry.pid).collect();
        assert_eq!(pids, [7, 3]);
        ledger.clear().unwrap();
        assert_eq!(ledger.entries().unwrap(), []);
    }
}
