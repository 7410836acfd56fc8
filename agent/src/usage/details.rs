//! What `/proc` says about one process beyond its counters, as far as it may be read.

use std::collections::BTreeMap;
use std::fs;
use std::time::{Duration, Instant};

use agent_usage::{Observed, ProcessId, TaskContext};

/// How often the shared part of a process's memory is measured anew: the kernel walks its page tables for it.
const SHARED_EVERY: Duration = Duration::from_secs(10);
/// Measured at most at one look, so that a look stays short.
const SHARED_AT_ONCE: usize = 8;
/// Looks at an orphan's environment until it is taken for one without a task: a fork shows its parent's until it
/// executes something.
const CONTEXT_LOOKS: u32 = 5;

/// What is remembered of processes between two looks.
#[derive(Debug, Default)]
pub(super) struct Details {
    shared: BTreeMap<ProcessId, Shared>,
    contexts: BTreeMap<ProcessId, (u32, Option<TaskContext>)>,
    measured: usize,
}

/// Memory that a process shares with those it was forked from or has forked.
#[derive(Debug, Clone, Copy)]
struct Shared {
    /// What of its anonymous memory is other processes' share.
    others_bytes: u64,
    at: Instant,
}

impl Details {
    /// Anonymous memory, without other processes' share of pages that a fork left in common. Where the kernel does
    /// not say what is shared (another user's process, or one that is not dumpable), all of it.
    pub(super) fn memory_bytes(&mut self, id: ProcessId) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", id.pid)).unwrap_or_default();
        let own = kilobytes(&status, "RssAnon:").unwrap_or(0);
        let due = self.shared.get(&id).is_none_or(|shared| shared.at.elapsed() >= SHARED_EVERY);
        if due && self.measured < SHARED_AT_ONCE {
            self.measured += 1;
            let rollup = fs::read_to_string(format!("/proc/{}/smaps_rollup", id.pid)).unwrap_or_default();
            let of = |key| kilobytes(&rollup, key);
            let others_bytes = match (of("Anonymous:"), of("Pss_Anon:")) {
                (Some(anonymous), Some(share)) => anonymous.saturating_sub(share),
                _ => 0,
            };
            self.shared.insert(id, Shared { others_bytes, at: Instant::now() });
        }
        own.saturating_sub(self.shared.get(&id).map_or(0, |shared| shared.others_bytes))
    }

    /// The task that an orphan's environment names.
    pub(super) fn context(&mut self, id: ProcessId) -> Option<TaskContext> {
        let (looks, known) = self.contexts.entry(id).or_default();
        if known.is_none() && *looks < CONTEXT_LOOKS {
            *looks += 1;
            let environment = fs::read(format!("/proc/{}/environ", id.pid)).unwrap_or_default();
            *known = context(&environment);
        }
        known.clone()
    }

    /// Forgets processes that are gone; after each look.
    pub(super) fn keep_only(&mut self, processes: &[Observed]) {
        let alive: std::collections::BTreeSet<_> = processes.iter().map(|process| process.id).collect();
        self.shared.retain(|id, _| alive.contains(id));
        self.contexts.retain(|id, _| alive.contains(id));
        self.measured = 0;
    }
}

fn kilobytes(text: &str, key: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1_024)
}

fn context(environment: &[u8]) -> Option<TaskContext> {
    let value = |name: &str| {
        let mut entries = environment.split(|byte| *byte == 0);
        let found = entries.find_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))?;
        Some(String::from_utf8_lossy(found).into_owned())
    };
    Some(TaskContext {
        dag_id: value("AIRFLOW_CTX_DAG_ID")?,
        task_id: value("AIRFLOW_CTX_TASK_ID")?,
        run_id: value("AIRFLOW_CTX_DAG_RUN_ID")?,
        try_number: value("AIRFLOW_CTX_TRY_NUMBER").and_then(|number| number.parse().ok()),
    })
}

/// Bytes read from and written to storage, children that it reaped included; zero where that may not be read.
pub(super) fn io(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let of = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
    };
    (of("read_bytes:"), of("write_bytes:"))
}

/// The command line with blanks between the words.
pub(super) fn title(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<_> = command.split(|byte| *byte == 0).filter(|word| !word.is_empty()).collect();
    words.iter().map(|word| String::from_utf8_lossy(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_of_an_environment_is_read() {
        let text = b"HOME=/\0AIRFLOW_CTX_DAG_ID=etl\0AIRFLOW_CTX_TASK_ID=fit\0AIRFLOW_CTX_DAG_RUN_ID=r 1\0AIRFLOW_CTX_TRY_NUMBER=2\0";
        let expected = TaskContext {
            dag_id: "etl".into(),
            task_id: "fit".into(),
            run_id: "r 1".into(),
            try_number: Some(2),
        };
        assert_eq!(context(text), Some(expected));
        assert_eq!(context(b"AIRFLOW_CTX_DAG_ID=etl\0"), None);
    }

    #[test]
    fn sizes_are_read_in_kilobytes() {
        assert_eq!(kilobytes("VmRSS:\t  10 kB\nRssAnon:\t   2048 kB\n", "RssAnon:"), Some(2 << 20));
        assert_eq!(kilobytes("VmRSS:\t  10 kB\n", "RssAnon:"), None);
    }
}
