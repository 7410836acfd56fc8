//! `updraft-agent status`: how a worker and its agent are, in words.

use std::collections::BTreeMap;
use std::fmt::Write;

use domain::control::{WorkerState, WorkerStatus};
use serde::{Deserialize, Serialize};

use crate::usage::Report;

/// Running tasks, and processes left behind, that are named one by one; JSON has all.
const NAMED: usize = 20;

/// Everything that an agent says about itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Overview {
    /// The worker.
    #[serde(flatten)]
    pub worker: WorkerStatus,
    /// What it runs and uses.
    pub usage: Option<Report>,
    /// The code that its tasks get, by repository.
    #[serde(default)]
    pub repositories: BTreeMap<String, Repository>,
}

/// A followed repository on this machine.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repository {
    /// The publication that new tasks get.
    pub current: Option<String>,
    /// The one that is made ready.
    pub candidate: Option<String>,
    /// How often the ref was flipped.
    pub sequence: u64,
    /// Why it does not go on.
    pub problem: Option<String>,
}

impl Overview {
    /// For people, at `now_ms` (Unix milliseconds).
    pub fn text(&self, now_ms: u64) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        self.write(&mut text, now_ms).unwrap_or_default();
        text
    }

    fn write(&self, text: &mut String, now_ms: u64) -> std::fmt::Result {
        let worker = &self.worker;
        let since = span(now_ms.saturating_sub(worker.since_ms) / 1_000);
        let reason = worker.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        writeln!(text, "{} {} for {since}{reason}", worker.worker, words(worker.state))?;
        let waits = if worker.reserved > 0 {
            format!(", {} taken and waiting", worker.reserved)
        } else {
            String::new()
        };
        let drain =
            if worker.epoch > 0 { format!(", last drain request {}", worker.epoch) } else { String::new() };
        writeln!(text, "{} running{waits}{drain}", count(u64::from(worker.active), "task"))?;
        if let Some(usage) = &self.usage {
            write_usage(text, usage, now_ms)?;
        }
        for (name, repository) in &self.repositories {
            let current = repository.current.as_deref().unwrap_or("nothing yet");
            write!(text, "code of {name}: {current}")?;
            if let Some(candidate) = &repository.candidate {
                write!(text, ", {candidate} is made ready")?;
            }
            if let Some(problem) = &repository.problem {
                write!(text, "; does not go on: {problem}")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }
}

fn write_usage(text: &mut String, usage: &Report, now_ms: u64) -> std::fmt::Result {
    for task in usage.facts.running.iter().take(NAMED) {
        let cpu = seconds(task.cpu_ns);
        let (age, memory) = (span(task.age_s), bytes(task.memory_bytes));
        write!(
            text,
            "  {}: {age}, CPU {cpu}, memory {memory}, {}",
            task.name,
            count(u64::from(task.processes), "process")
        )?;
        if task.stuck {
            write!(text, "; STUCK: no CPU, log line or IO for {}", span(task.idle_s))?;
        }
        writeln!(text)?;
    }
    let orphans = &usage.facts.orphans;
    if !orphans.is_empty() {
        writeln!(text, "{} left behind by ended tasks", count(orphans.len() as u64, "process"))?;
    }
    for orphan in orphans.iter().take(NAMED) {
        let ago = span(now_ms.saturating_sub(orphan.since_ms) / 1_000);
        let (cpu, memory) = (seconds(orphan.cpu_ns), bytes(orphan.memory_bytes));
        writeln!(
            text,
            "  pid {} `{}` of {} ({} {ago} ago): CPU {cpu}, memory {memory}",
            orphan.pid, orphan.title, orphan.name, orphan.state
        )?;
    }
    let more = usage.facts.running.len().saturating_sub(NAMED) + orphans.len().saturating_sub(NAMED);
    if more > 0 {
        writeln!(text, "  and {more} more; --format json names all")?;
    }
    match usage.backlog.windows {
        0 => writeln!(text, "usage: nothing waits for the store"),
        windows => {
            let oldest = span(usage.backlog.oldest_s);
            writeln!(text, "usage: {} for the store, the oldest since {oldest}", waiting(windows))
        }
    }
}

fn words(state: WorkerState) -> &'static str {
    match state {
        WorkerState::Starting => "is starting",
        WorkerState::Ready => "is ready and takes tasks",
        WorkerState::Draining => "is draining: it takes no tasks, those that run end",
        WorkerState::Drained => "is drained: nothing runs, nothing is taken",
        WorkerState::Stopped => "is stopped",
        WorkerState::Failed => "has failed",
    }
}

fn waiting(windows: u64) -> String {
    if windows == 1 { "1 minute waits".to_owned() } else { format!("{windows} minutes wait") }
}

fn count(number: u64, of: &str) -> String {
    match (number, of) {
        (1, of) => format!("1 {of}"),
        (number, "process") => format!("{number} processes"),
        (number, of) => format!("{number} {of}s"),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

fn seconds(ns: u64) -> String {
    let tenths = ns / 100_000_000;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

fn bytes(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..MIB => format!("{} KiB", bytes >> 10),
        MIB..0x2_8000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overview(json: &str) -> Overview {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_busy_worker_is_told_in_words() {
        let task = r#""attempt":{"dag_id":"etl","task_id":"fit","run_id":"r1","map_index":-1,"try_number":1,"ti_id":"0193","queue":"heavy"}"#;
        let json = format!(
            r#"{{"schema":1,"worker":"celery@w1","state":"draining","epoch":3,"active":2,"reserved":1,"since_ms":1000000,
            "usage":{{"schema":1,"worker":"celery@w1",
              "running":[{{"name":"etl.fit run r1 try 1",{task},"begun_ms":0,"age_s":4000,"cpu_ns":12340000000,
                "memory_bytes":314572800,"mem_byte_s":0,"processes":4,"idle_s":720,"stuck":true}}],
              "orphans":[{{"pid":77,"title":"sleep 300","name":"etl.load run r0 try 2",{task},"state":"success",
                "since_ms":700000,"cpu_ns":50000000,"memory_bytes":204800}}],
              "backlog":{{"windows":3,"oldest_s":185}}}},
            "repositories":{{"etl":{{"current":"00000003-0123456789ab","candidate":null,"sequence":3,"problem":null}}}}}}"#
        );
        insta::assert_snapshot!(overview(&json).text(1_090_000), @"
        celery@w1 is draining: it takes no tasks, those that run end for 1 min 30 s
        2 tasks running, 1 taken and waiting, last drain request 3
          etl.fit run r1 try 1: 1 h 6 min, CPU 12.3 s, memory 300 MiB, 4 processes; STUCK: no CPU, log line or IO for 12 min 0 s
        1 process left behind by ended tasks
          pid 77 `sleep 300` of etl.load run r0 try 2 (success 6 min 30 s ago): CPU 0.0 s, memory 200 KiB
        usage: 3 minutes wait for the store, the oldest since 3 min 5 s
        code of etl: 00000003-0123456789ab
        ");
    }
}
