//! The autoscaler's workers as their records and `/proc` show them, and the means to kill them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;

use crate::ledger::start_ticks;
use crate::state::State;

/// A worker of the fleet and what its agent and the autoscaler wrote down about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Worker {
    pub name: String,
    /// Its agent's pid; absent while it is started again.
    pub agent: Option<u32>,
    /// Pid of Celery's main process.
    pub celery: Option<u32>,
    pub socket: PathBuf,
}

#[derive(Debug, Deserialize)]
struct AgentRecord {
    worker: String,
    pid: Option<u32>,
    socket: PathBuf,
}

#[derive(Debug, Deserialize)]
struct WorkerRecord {
    pid: Option<u32>,
}

/// Every worker of a pool.
pub(crate) fn workers(state: &State, pool: &str) -> Vec<Worker> {
    let folder = state.path(&format!("autoscaler/{pool}/workers"));
    let records = fs::read_dir(folder).into_iter().flatten().flatten();
    let record = |path: PathBuf| serde_json::from_slice::<AgentRecord>(&fs::read(path).ok()?).ok();
    records
        .filter_map(|entry| record(entry.path()))
        .map(|record| {
            let path = format!("{}.worker.json", record.socket.display());
            let bytes = fs::read(path).unwrap_or_default();
            let celery = serde_json::from_slice::<WorkerRecord>(&bytes).ok().and_then(|known| known.pid);
            let lives = |pid: &u32| start_ticks(*pid).is_some();
            Worker {
                name: record.worker,
                agent: record.pid.filter(lives),
                celery: celery.filter(lives),
                socket: record.socket,
            }
        })
        .collect()
}

/// A process as `/proc` shows it.
#[derive(Debug)]
pub(crate) struct Process {
    pub pid: u32,
    pub parent: u32,
    pub title: String,
}

/// Every process.
pub(crate) fn processes() -> Vec<Process> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent =
            stat.rsplit_once(')').and_then(|(_, rest)| rest.split_ascii_whitespace().nth(1)?.parse().ok());
        let Some(parent) = parent else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let title = String::from_utf8_lossy(&command).replace('\0', " ").trim().to_owned();
        found.push(Process { pid, parent, title });
    }
    found
}

/// Everything that descends from `pid`.
pub(crate) fn below(pid: u32) -> Vec<u32> {
    let processes = processes();
    let mut found = vec![pid];
    let mut looked = 0;
    while let Some(&parent) = found.get(looked) {
        found.extend(processes.iter().filter(|process| process.parent == parent).map(|process| process.pid));
        looked += 1;
    }
    found.split_off(1)
}

/// SIGKILL. A process that has just ended is as good as killed.
pub(crate) fn kill_now(pids: impl IntoIterator<Item = u32>) {
    let pids: BTreeSet<u32> = pids.into_iter().collect();
    for pid in pids {
        if let Ok(pid) = i32::try_from(pid) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
    }
}
