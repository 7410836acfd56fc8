//! The attempts that run, and those that ended lately.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::activity::Activity;
use crate::identity::Identity;
use crate::rows::Row;
use crate::table::{Counters, Observed, TaskContext};
use crate::time::Now;
use crate::title::Title;

/// Attempts that are remembered at most: many times the slots of any worker. The oldest ended ones go first.
const REMEMBERED: usize = 4_096;
/// Process groups of one attempt that are remembered for its orphans.
const GROUPS: usize = 1_024;
/// An ended attempt without processes is remembered this long, for charges that come late.
const KEPT_MS: u64 = 60_000;
/// An attempt whose processes are gone, and which the worker does not name any more, has ended without a word.
const SILENT_MS: u64 = 30_000;
/// The same for one that never had a process: it may still wait for its environment.
const UNSEEN_MS: u64 = 600_000;

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    /// As Airflow's worker log says, or `lost`, or `unknown`.
    pub(crate) state: String,
    pub(crate) at: Now,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attempt {
    pub(crate) identity: Identity,
    /// The main process of its worker.
    pub(crate) root: Option<u32>,
    pub(crate) begun: Now,
    pub(crate) ended: Option<Ended>,
    /// Its pool child was seen: nothing that its processes used escapes.
    pub(crate) is_linked: bool,
    groups: BTreeSet<u32>,
    /// A process of it was seen.
    is_seen: bool,
    /// The last time that a process of it was seen, or that the worker named it.
    last_sign_ms: u64,
    pub(crate) used: Counters,
    pub(crate) memory_byte_s: u64,
    pub(crate) processes: u32,
    pub(crate) memory_bytes: u64,
    pub(crate) activity: Activity,
    pub(crate) log_size: Option<u64>,
    /// The row of the current window.
    #[serde(skip)]
    pub(crate) row: Option<Row>,
    /// The row of what lives on after its end.
    #[serde(skip)]
    pub(crate) orphan_row: Option<Row>,
    /// Orphans were reported.
    pub(crate) is_orphaned: bool,
}

impl Attempt {
    pub(crate) fn new(identity: Identity, root: Option<u32>, now: Now) -> Self {
        Self {
            identity,
            root,
            begun: now,
            ended: None,
            is_linked: false,
            groups: BTreeSet::new(),
            is_seen: false,
            last_sign_ms: now.mono_ms,
            used: Counters::default(),
            memory_byte_s: 0,
            processes: 0,
            memory_bytes: 0,
            activity: Activity::new(now),
            log_size: None,
            row: None,
            orphan_row: None,
            is_orphaned: false,
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.ended.is_some()
    }

    /// A process of it is in the table; `leads`: its group is this attempt's alone.
    pub(crate) fn seen(&mut self, process: &Observed, leads: bool) {
        if process.ended {
            return;
        }
        self.is_seen = true;
        if leads && self.groups.len() < GROUPS {
            self.groups.insert(process.group);
        }
    }

    /// It lives, for all that is known.
    pub(crate) fn sign(&mut self, now: Now) {
        self.last_sign_ms = now.mono_ms;
    }

    /// It has ended, but nobody said so.
    pub(crate) fn is_silent(&self, now: Now) -> bool {
        let limit = if self.is_seen { SILENT_MS } else { UNSEEN_MS };
        !self.is_over() && self.processes == 0 && now.mono_ms.saturating_sub(self.last_sign_ms) > limit
    }
}

/// Attempts by number; numbers are given in the order in which attempts become known.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Attempts {
    pub(crate) by_number: BTreeMap<u64, Attempt>,
    next: u64,
    /// When the last table was, for attempts that are first seen in it.
    #[serde(skip)]
    pub(crate) now: Option<Now>,
}

impl Attempts {
    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Attempt> {
        self.by_number.get_mut(&number)
    }

    /// The running attempt of this identity; a new one when there is none.
    pub(crate) fn begun(&mut self, identity: &Identity, root: Option<u32>, now: Now) -> u64 {
        if let Some((number, attempt)) = self.running(|known| known.is_same(identity)) {
            attempt.identity.learn(identity);
            attempt.root = attempt.root.or(root);
            attempt.sign(now);
            return number;
        }
        self.add(Attempt::new(identity.clone(), root, now))
    }

    /// It is known, and nothing of it runs any more.
    pub(crate) fn has_ended(&self, identity: &Identity) -> bool {
        let mut its = self.by_number.values().filter(|attempt| attempt.identity.is_same(identity)).peekable();
        its.peek().is_some() && its.all(Attempt::is_over)
    }

    fn running(&mut self, is_it: impl Fn(&Identity) -> bool) -> Option<(u64, &mut Attempt)> {
        let mut running = self.by_number.iter_mut().rev().filter(|(_, attempt)| !attempt.is_over());
        running.find(|(_, attempt)| is_it(&attempt.identity)).map(|(number, attempt)| (*number, attempt))
    }

    fn add(&mut self, attempt: Attempt) -> u64 {
        while self.by_number.len() >= REMEMBERED {
            let ended = self.by_number.iter().find(|(_, attempt)| attempt.is_over()).map(|(n, _)| *n);
            if ended.and_then(|number| self.by_number.remove(&number)).is_none() {
                self.by_number.pop_first();
            }
        }
        self.next += 1;
        self.by_number.insert(self.next, attempt);
        self.next
    }

    /// The attempt with this task instance id, running or not.
    pub(crate) fn of_ti(&self, ti_id: &str) -> Option<u64> {
        let mut all = self.by_number.iter().rev();
        all.find(|(_, attempt)| attempt.identity.ti_id == ti_id).map(|(number, _)| *number)
    }

    /// The attempt that a running process's title names; one that nobody spoke of becomes known by it.
    pub(crate) fn of_title(&mut self, title: &Title) -> u64 {
        let now = self.now.unwrap_or(Now { wall_ms: 0, mono_ms: 0 });
        match title {
            Title::Runner { ti_id } | Title::Supervisor { ti_id } => match self.of_ti(ti_id) {
                Some(number) => number,
                None => self.add(Attempt::new(Identity::of_ti(ti_id), None, now)),
            },
            Title::Command { dag_id, task_id, run_id, map_index } => {
                let is_it = |known: &Identity| {
                    (&known.dag_id, &known.task_id, &known.run_id) == (dag_id, task_id, run_id)
                        && map_index.is_none_or(|index| index == known.map_index)
                };
                if let Some((number, _)) = self.running(is_it) {
                    return number;
                }
                let identity = Identity {
                    dag_id: dag_id.clone(),
                    task_id: task_id.clone(),
                    run_id: run_id.clone(),
                    map_index: map_index.unwrap_or(-1),
                    ..Identity::default()
                };
                self.add(Attempt::new(identity, None, now))
            }
            Title::Pool => 0,
        }
    }

    pub(crate) fn of_group(&self, group: u32) -> Option<u64> {
        let mut all = self.by_number.iter().rev();
        all.find(|(_, attempt)| attempt.groups.contains(&group)).map(|(number, _)| *number)
    }

    pub(crate) fn named_by(&self, context: &TaskContext) -> Option<u64> {
        let mut all = self.by_number.iter().rev();
        all.find(|(_, attempt)| attempt.identity.is_named_by(context)).map(|(number, _)| *number)
    }

    /// The running attempt that events call `id`.
    pub(crate) fn running_id(&mut self, id: &str) -> Option<u64> {
        self.running(|known| known.id == id).map(|(number, _)| number)
    }

    /// Forgets ended attempts that have no processes and no open rows.
    pub(crate) fn forget(&mut self, now: Now) {
        self.by_number.retain(|_, attempt| {
            let old = attempt
                .ended
                .as_ref()
                .is_some_and(|ended| now.mono_ms.saturating_sub(ended.at.mono_ms) > KEPT_MS);
            !old || attempt.processes > 0 || attempt.row.is_some() || attempt.orphan_row.is_some()
        });
    }
}
