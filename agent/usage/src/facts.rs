//! What a worker runs at this moment, and what it should not: for people, dashboards and alarms.

use serde::{Deserialize, Serialize};

use crate::attempts::Attempt;
use crate::identity::Identity;
use crate::ledger::Owner;
use crate::meter::{LEAVING_MS, Meter};
use crate::time::Now;

/// Version of [`Facts`].
pub const FACTS_SCHEMA: u32 = 1;
/// Characters of a process's title that are shown.
const TITLE_CHARS: usize = 120;

/// What runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// [`FACTS_SCHEMA`].
    pub schema: u32,
    /// Celery node name.
    pub worker: String,
    /// Attempts that run.
    pub running: Vec<Running>,
    /// Processes of attempts that have ended.
    pub orphans: Vec<Orphan>,
}

/// An attempt that runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// DAG, task, run and try, for people.
    pub name: String,
    /// Which.
    pub attempt: AttemptName,
    /// Unix milliseconds.
    pub begun_ms: u64,
    /// Seconds since.
    pub age_s: u64,
    /// CPU time so far.
    pub cpu_ns: u64,
    /// Memory now.
    pub memory_bytes: u64,
    /// Memory over time so far.
    pub mem_byte_s: u64,
    /// Processes now.
    pub processes: u32,
    /// Seconds without CPU (below 1 %), log line and IO.
    pub idle_s: u64,
    /// That is longer than the setting allows.
    pub stuck: bool,
}

/// A process that lives although its attempt has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Orphan {
    /// Process id.
    pub pid: u32,
    /// Its title, cut.
    pub title: String,
    /// The attempt's name, for people.
    pub name: String,
    /// The attempt.
    pub attempt: AttemptName,
    /// How the attempt ended.
    pub state: String,
    /// When it ended (Unix milliseconds).
    pub since_ms: u64,
    /// CPU time of the process so far, with its reaped children.
    pub cpu_ns: u64,
    /// Memory now.
    pub memory_bytes: u64,
}

/// An attempt in the words of Airflow; empty, -1 and 0 for what is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the usage record's columns")]
pub struct AttemptName {
    pub dag_id: String,
    pub task_id: String,
    pub run_id: String,
    pub map_index: i64,
    pub try_number: u32,
    pub ti_id: String,
    pub queue: String,
}

impl From<&Identity> for AttemptName {
    fn from(identity: &Identity) -> Self {
        Self {
            dag_id: identity.dag_id.clone(),
            task_id: identity.task_id.clone(),
            run_id: identity.run_id.clone(),
            map_index: identity.map_index,
            try_number: identity.try_number,
            ti_id: if identity.callback { identity.id.clone() } else { identity.ti_id.clone() },
            queue: identity.queue.clone(),
        }
    }
}

/// Something that is worth one line in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// The attempt does nothing any more.
    Stuck(Box<Running>),
    /// The attempt has ended and left these behind.
    Orphaned(Vec<Orphan>),
}

impl Meter {
    /// What runs now.
    pub fn facts(&self, now: Now) -> Facts {
        let attempts = self.attempts.by_number.iter();
        Facts {
            schema: FACTS_SCHEMA,
            worker: self.writer.worker.clone(),
            running: attempts
                .clone()
                .filter(|(_, attempt)| !attempt.is_over())
                .map(|(_, attempt)| self.running(attempt, now))
                .collect(),
            orphans: attempts.flat_map(|(number, attempt)| self.orphans(*number, attempt, now)).collect(),
        }
    }

    /// What was not told before: each stuck attempt and each attempt with orphans once.
    pub fn news(&mut self, now: Now) -> Vec<News> {
        let mut news = Vec::new();
        let numbers: Vec<u64> = self.attempts.by_number.keys().copied().collect();
        for number in numbers {
            let Some(attempt) = self.attempts.by_number.get(&number) else { continue };
            let (mut stuck, mut orphaned) = (attempt.activity.is_reported, attempt.is_orphaned);
            if attempt.is_over() {
                let orphans = self.orphans(number, attempt, now);
                if !orphaned && !orphans.is_empty() {
                    orphaned = true;
                    news.push(News::Orphaned(orphans));
                }
            } else {
                let running = self.running(attempt, now);
                if running.stuck && !stuck {
                    stuck = true;
                    news.push(News::Stuck(Box::new(running)));
                }
            }
            if let Some(attempt) = self.attempts.get_mut(number) {
                (attempt.activity.is_reported, attempt.is_orphaned) = (stuck, orphaned);
            }
        }
        news
    }

    fn running(&self, attempt: &Attempt, now: Now) -> Running {
        let idle_ms = attempt.activity.idle_ms(now);
        Running {
            name: attempt.identity.name(),
            attempt: (&attempt.identity).into(),
            begun_ms: attempt.begun.wall_ms,
            age_s: now.mono_ms.saturating_sub(attempt.begun.mono_ms) / 1_000,
            cpu_ns: attempt.used.cpu_ns(),
            memory_bytes: attempt.memory_bytes,
            mem_byte_s: attempt.memory_byte_s,
            processes: attempt.processes,
            idle_s: idle_ms / 1_000,
            stuck: idle_ms >= self.stuck_after_ms,
        }
    }

    fn orphans(&self, number: u64, attempt: &Attempt, now: Now) -> Vec<Orphan> {
        let Some(ended) = &attempt.ended else { return Vec::new() };
        if now.mono_ms.saturating_sub(ended.at.mono_ms) < LEAVING_MS {
            return Vec::new();
        }
        let its = self
            .ledger
            .known
            .iter()
            .filter(|(_, known)| known.owner == Owner::Attempt(number) && !known.ended);
        its.map(|(id, known)| Orphan {
            pid: id.pid,
            title: known.title.chars().take(TITLE_CHARS).collect(),
            name: attempt.identity.name(),
            attempt: (&attempt.identity).into(),
            state: ended.state.clone(),
            since_ms: ended.at.wall_ms,
            cpu_ns: known.used().cpu_ns(),
            memory_bytes: known.memory_bytes,
        })
        .collect()
    }
}
