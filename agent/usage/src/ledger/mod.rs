//! Whose CPU time and IO it is: every counter that grew between two tables is charged to exactly one owner.
//!
//! Conservation: what a process and the children it reaped have used moves, when it is reaped, to the counters of
//! whoever reaped it. So the totals of the processes that are there, the agent first, are all that the tree ever
//! used. A process is charged by its own counters while it is seen; the rest of it by what its reaper's counters of
//! children gain beyond what was charged already (`pending`).

mod by_process;
mod owner;
mod settle;
mod slots;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::attempts::Attempts;
use crate::table::{Counters, Observed, ProcessId, Reaped, Table};
use crate::title::Title;

/// Ended workers that are remembered: those of a crash loop of an hour.
const WORKER_GROUPS: usize = 128;

/// Whom a process, or a charge, belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// The worker's and the agent's own processes.
    Overhead,
    /// An attempt, by its number.
    Attempt(u64),
    /// Whatever the pool child runs; it is not known yet.
    Slot(ProcessId),
    /// Nobody that is known.
    Unknown,
}

/// What was used since the last table, and by whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Charge {
    pub(crate) owner: Owner,
    pub(crate) used: Counters,
    /// From the counters of a reaper: of processes that have ended.
    pub(crate) settled: bool,
}

/// A pool child's present.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Slot {
    /// The attempt that it runs.
    pub(crate) attempt: Option<u64>,
    /// Used by an attempt that is not known yet.
    limbo: Counters,
    /// Tables since something was put there.
    limbo_age: u32,
}

/// A process at the last table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Known {
    pub(crate) parent: Option<ProcessId>,
    pub(crate) group: u32,
    pub(crate) session: u32,
    pub(crate) owner: Owner,
    pub(crate) slot: Option<Slot>,
    pub(crate) ended: bool,
    pub(crate) title: String,
    own: Counters,
    reaped: Counters,
    /// Charged for children that are gone, and not yet seen in `reaped`.
    pending: Counters,
    /// Whom the rest of these children belongs to.
    heirs: BTreeSet<Owner>,
    pending_age: u32,
    pub(crate) memory_bytes: u64,
}

/// All processes that are followed, and what was counted of those that are gone.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Ledger {
    #[serde(with = "by_process")]
    pub(crate) known: BTreeMap<ProcessId, Known>,
    /// Main processes of workers.
    roots: BTreeSet<u32>,
    /// Their process groups, also of ended ones: what is left of a worker belongs to no attempt.
    worker_groups: BTreeSet<u32>,
    agent: Option<ProcessId>,
    /// Processes that began before this (since boot) were there before anybody counted.
    since_ms: Option<u64>,
    /// Used by processes whose reaper counts nothing (it ignores its children, or is out of sight).
    forfeited: Counters,
    /// The whole at the last table, measured by the sum of all counters and not by the charges.
    whole: Counters,
}

impl Known {
    /// What was seen of it so far.
    pub(crate) fn used(&self) -> Counters {
        self.own + self.reaped
    }
}

impl Ledger {
    pub(crate) fn worker_started(&mut self, pid: u32) {
        self.roots.insert(pid);
        while self.worker_groups.len() >= WORKER_GROUPS {
            self.worker_groups.pop_first();
        }
        self.worker_groups.insert(pid);
    }

    pub(crate) fn workers(&self) -> Vec<u32> {
        self.roots.iter().copied().collect()
    }

    pub(crate) fn worker_ended(&mut self, pid: u32) {
        self.roots.remove(&pid);
    }

    /// Charges what was used since the last table. Answers the charges and how much the whole has grown.
    pub(crate) fn sample(&mut self, table: &Table, attempts: &mut Attempts) -> (Vec<Charge>, Counters) {
        let mut charges = Vec::new();
        let Some(agent) = table.processes.first() else { return (charges, Counters::default()) };
        if self.agent != Some(agent.id) {
            // A new agent: what its predecessor used itself is over.
            if let Some(old) = self.agent.replace(agent.id).and_then(|id| self.known.remove(&id)) {
                self.forfeited += old.own + old.reaped + old.pending;
            }
        }
        let since_ms = *self.since_ms.get_or_insert(agent.id.start_ms);
        self.forget_gone(table);
        let by_pid: BTreeMap<u32, ProcessId> =
            table.processes.iter().map(|process| (process.id.pid, process.id)).collect();
        for process in &table.processes {
            let parent = by_pid.get(&process.parent).copied();
            self.meet(process, parent, (agent, since_ms), attempts);
            self.charge(process, &mut charges);
        }
        self.link(table, attempts, &mut charges);
        (charges, self.grown())
    }

    /// Makes a process known, or takes over what changes in a life.
    fn meet(
        &mut self,
        process: &Observed,
        parent: Option<ProcessId>,
        (agent, since_ms): (&Observed, u64),
        attempts: &mut Attempts,
    ) {
        if !self.known.contains_key(&process.id) {
            let mut known = Known {
                parent,
                group: process.group,
                session: process.session,
                owner: Owner::Unknown,
                slot: None,
                ended: process.ended,
                title: String::new(),
                own: Counters::default(),
                reaped: Counters::default(),
                pending: Counters::default(),
                heirs: BTreeSet::new(),
                pending_age: 0,
                memory_bytes: 0,
            };
            if process.id.start_ms < since_ms {
                // It ran before anybody counted: only what it uses from now on is ours.
                (known.own, known.reaped) = (process.own, process.reaped);
                self.whole += process.own + process.reaped;
            }
            self.known.insert(process.id, known);
        }
        if self.may_change_owner(process, parent) {
            let owner = self.resolve(process, parent, agent, attempts);
            if let Some(known) = self.known.get_mut(&process.id) {
                known.owner = owner;
            }
        }
        if let Owner::Attempt(number) = self.owner_of(process.id)
            && let Some(attempt) = attempts.get_mut(number)
        {
            attempt.seen(process, self.leads_only_attempts(process, number));
        }
        let Some(known) = self.known.get_mut(&process.id) else { return };
        known.parent = parent;
        (known.group, known.session) = (process.group, process.session);
        known.ended = process.ended;
        known.memory_bytes = process.memory_bytes;
        known.title.clone_from(&process.title);
        if known.owner == Owner::Overhead && Title::read(&process.title) == Some(Title::Pool) {
            known.slot.get_or_insert_default();
        }
    }

    /// An attempt's process stays the attempt's; one of the worker may turn out to be an attempt's after its fork.
    fn may_change_owner(&self, process: &Observed, parent: Option<ProcessId>) -> bool {
        let below_attempt = parent.is_some_and(|id| matches!(self.owner_of(id), Owner::Attempt(_)));
        match self.owner_of(process.id) {
            Owner::Attempt(_) => false,
            Owner::Unknown | Owner::Slot(_) => true,
            Owner::Overhead => {
                below_attempt || Title::read(&process.title).is_some_and(|title| title.is_running())
            }
        }
    }

    /// Goes on after `saved_ms` (since boot): what began before it and is not known was not counted then.
    pub(crate) fn resume(&mut self, saved_ms: u64, alive: &BTreeSet<ProcessId>) {
        self.since_ms = Some(saved_ms);
        self.roots.retain(|root| alive.iter().any(|id| id.pid == *root));
    }

    fn owner_of(&self, id: ProcessId) -> Owner {
        self.known.get(&id).map_or(Owner::Unknown, |known| known.owner)
    }

    /// The agent has reaped an orphan. Answers what it had used and was not charged yet.
    pub(crate) fn reaped(&mut self, process: &Reaped, attempts: &Attempts) -> Charge {
        let (owner, charged) = match self.known.remove(&process.id) {
            Some(known) => (known.heir(), known.own + known.reaped + known.pending),
            None => (self.by_group(process.group, process.session, attempts), Counters::default()),
        };
        if let Some(agent) = self.agent.and_then(|id| self.known.get_mut(&id)) {
            // The agent's own counters of children show all of it at the next table.
            agent.pending += process.used.most(charged);
            agent.pending_age = 0;
        }
        Charge { owner, used: process.used.above(charged), settled: true }
    }
}
