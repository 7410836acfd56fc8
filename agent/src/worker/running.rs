use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::process::{Handle, Spool, start_ticks};

/// Version of [`Running`].
const SCHEMA: u32 = 1;
/// Flags of `airflow celery worker` that name its queues.
const QUEUE_FLAGS: [&str; 2] = ["-q", "--queues"];

/// The worker process of an agent, written down before it exists: the next agent finds it if this one is killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    schema: u32,
    /// Celery node name.
    pub node: String,
    /// Its command.
    pub command: Vec<String>,
    /// Its process; absent only if the agent was killed while it started it.
    pub pid: Option<u32>,
    /// The kernel's start time of that process: a pid alone may be somebody else's by now.
    pub start_ticks: Option<u64>,
}

impl Running {
    /// The queues that its command names.
    pub fn queues(&self) -> Vec<String> {
        let words = self.command.iter().enumerate();
        let mut named = words.filter_map(|(index, word)| {
            if QUEUE_FLAGS.contains(&word.as_str()) {
                return self.command.get(index + 1).map(String::as_str);
            }
            QUEUE_FLAGS.iter().find_map(|flag| word.strip_prefix(flag)?.strip_prefix('='))
        });
        let last = named.next_back().unwrap_or_default();
        last.split(',').map(str::trim).filter(|queue| !queue.is_empty()).map(str::to_owned).collect()
    }
}

/// What an earlier agent left.
#[derive(Debug)]
pub enum Left {
    /// There was none, or it ended in order.
    Nothing,
    /// It was killed, and its worker runs.
    Worker(Running, Box<Handle>),
    /// It was killed, and its worker too.
    Ended,
}

/// The file of [`Running`], and the worker's output beside it.
#[derive(Debug, Clone)]
pub struct RunningFile {
    path: PathBuf,
    /// The worker's output.
    pub spool: Spool,
}

impl RunningFile {
    /// The record at `path`.
    pub fn at(path: PathBuf) -> Self {
        let spool = Spool::at(path.with_extension("output"));
        Self { path, spool }
    }

    /// Its path: unique on this machine, and so the mark of the worker's processes.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Looks what an earlier agent left. Needs a runtime.
    pub fn left(&self) -> io::Result<Left> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Left::Nothing),
            Err(error) => return Err(error),
        };
        let running: Running = serde_json::from_slice(&bytes)?;
        if running.schema != SCHEMA {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("schema {}, expected {SCHEMA}", running.schema),
            ));
        }
        let process = match (running.pid, running.start_ticks) {
            (Some(pid), Some(ticks)) => Some((pid, ticks)),
            // Killed between the record and the start, or right after the start.
            _ => first_writer(self.spool.path()),
        };
        let Some((pid, ticks)) = process else { return Ok(Left::Ended) };
        let handle = Handle::adopt(pid, ticks)?;
        let known = Running { pid: Some(pid), start_ticks: Some(ticks), ..running };
        Ok(handle.map_or(Left::Ended, |handle| Left::Worker(known, Box::new(handle))))
    }

    /// Writes down that `command` is about to be started, or runs as `pid`.
    pub fn write(&self, node: &str, command: &[String], pid: Option<u32>) -> io::Result<()> {
        let running = Running {
            schema: SCHEMA,
            node: node.to_owned(),
            command: command.to_vec(),
            pid,
            start_ticks: pid.and_then(start_ticks),
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let temporary = self.path.with_extension("new");
        // Not flushed: it outlives the agent, and what takes the machine takes the worker.
        fs::write(&temporary, serde_json::to_vec(&running)?)?;
        fs::rename(&temporary, &self.path)
    }

    /// The worker has ended, and its output was read.
    pub fn forget(&self) {
        let removed = match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => self.spool.remove(),
        };
        if let Err(error) = removed {
            tracing::warn!(path = %self.path.display(), %error, "the worker's record stays behind");
        }
    }
}

/// The oldest process whose standard output is `path`: the worker itself, its children came later.
fn first_writer(path: &Path) -> Option<(u32, u64)> {
    let path = fs::canonicalize(path).ok()?;
    let mut first: Option<(u64, u32)> = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let output = fs::read_link(entry.path().join("fd/1")).unwrap_or_default();
        if output.as_os_str().as_bytes() == path.as_os_str().as_bytes()
            && let Some(ticks) = start_ticks(pid)
            && first.is_none_or(|first| (ticks, pid) < first)
        {
            first = Some((ticks, pid));
        }
    }
    first.map(|(ticks, pid)| (pid, ticks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn queues_are_read_from_the_command() {
        for (command, expected) in [
            ("airflow celery worker -q default,heavy -c 4", &["default", "heavy"][..]),
            ("airflow celery worker --queues=one", &["one"]),
            ("airflow celery worker", &[]),
        ] {
            let running = Running {
                schema: 1,
                node: "w".into(),
                command: words(command),
                pid: None,
                start_ticks: None,
            };
            assert_eq!(running.queues(), expected, "{command}");
        }
    }

    #[tokio::test]
    async fn a_worker_is_found_again_also_when_its_pid_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = RunningFile::at(dir.path().join("w1.worker.json"));
        assert!(matches!(file.left().unwrap(), Left::Nothing));
        file.write("w1@h", &words("sleep 600"), None).unwrap();
        assert!(matches!(file.left().unwrap(), Left::Ended));
        let output = file.spool.begin().unwrap();
        let mut child =
            Command::new("sleep").arg("600").stdout(output).stderr(Stdio::null()).spawn().unwrap();
        for pid in [None, Some(child.id())] {
            file.write("w1@h", &words("sleep 600"), pid).unwrap();
            let Left::Worker(running, handle) = file.left().unwrap() else {
                panic!("not found with {pid:?}")
            };
            assert_eq!((running.pid, handle.pid()), (Some(child.id()), child.id()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(matches!(file.left().unwrap(), Left::Ended));
        file.forget();
        assert!(matches!(file.left().unwrap(), Left::Nothing));
    }
}
