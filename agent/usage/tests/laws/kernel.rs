//! A small kernel: forks, CPU time, exits, reaping and reparenting, with the truth of who used what.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use agent_usage::{Counters, Observed, ProcessId, Reaped, Table};

pub const AGENT: u32 = 1;
pub const MAIN: u32 = 10;

#[derive(Debug, Clone)]
pub struct Process {
    pub id: ProcessId,
    pub parent: u32,
    pub group: u32,
    pub title: String,
    pub own: Counters,
    pub reaped: Counters,
    pub ended: bool,
    /// The attempt that it belongs to.
    pub attempt: Option<u32>,
}

/// Processes, and what each attempt (`None`: the worker and the agent) really used.
#[derive(Debug, Default)]
pub struct Kernel {
    pub processes: BTreeMap<u32, Process>,
    pub truth: BTreeMap<Option<u32>, Counters>,
    next: u32,
    pub uptime_ms: u64,
}

impl Kernel {
    pub fn new(slots: u32) -> (Self, Vec<u32>) {
        let mut kernel = Self { next: AGENT, ..Self::default() };
        kernel.start(0, None, "updraft-agent", true);
        kernel.next = MAIN;
        kernel.start(AGENT, None, "[celeryd: w@h:MainProcess]", true);
        let pool = (0..slots).map(|_| kernel.pool_child()).collect();
        (kernel, pool)
    }

    pub fn pool_child(&mut self) -> u32 {
        self.start(MAIN, None, "[celeryd: w@h:ForkPoolWorker-1]", false)
    }

    pub fn start(&mut self, parent: u32, attempt: Option<u32>, title: &str, leads: bool) -> u32 {
        let pid = self.next;
        self.next += 1;
        self.uptime_ms += 1;
        let group = if leads { pid } else { self.processes.get(&parent).map_or(pid, |p| p.group) };
        let id = ProcessId { pid, start_ms: self.uptime_ms };
        let (own, reaped) = (Counters::default(), Counters::default());
        let title = title.to_owned();
        self.processes.insert(pid, Process { id, parent, group, title, own, reaped, ended: false, attempt });
        pid
    }

    pub fn burn(&mut self, pid: u32, used: Counters) {
        if let Some(process) = self.processes.get_mut(&pid).filter(|process| !process.ended) {
            process.own += used;
            *self.truth.entry(process.attempt).or_default() += used;
        }
    }

    /// It ends; its children are the agent's from now on.
    pub fn exit(&mut self, pid: u32) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.ended = true;
        for child in self.processes.values_mut().filter(|child| child.parent == pid) {
            child.parent = AGENT;
        }
    }

    /// A parent awaits its ended children.
    pub fn reap(&mut self, parent: u32) -> Vec<Reaped> {
        self.reap_those(parent, |_| true)
    }

    pub fn reap_those(&mut self, parent: u32, may: impl Fn(ProcessId) -> bool) -> Vec<Reaped> {
        let ended = |child: &&Process| child.parent == parent && child.ended && may(child.id);
        let ended: Vec<Process> = self.processes.values().filter(ended).cloned().collect();
        for child in &ended {
            self.processes.remove(&child.id.pid);
            if let Some(parent) = self.processes.get_mut(&parent) {
                parent.reaped += child.own + child.reaped;
            }
        }
        let told = |child: Process| Reaped {
            id: child.id,
            group: child.group,
            session: child.group,
            used: child.own + child.reaped,
        };
        ended.into_iter().map(told).collect()
    }

    /// Live processes of attempts.
    pub fn tasks(&self) -> Vec<u32> {
        let live = self.processes.values().filter(|process| process.attempt.is_some() && !process.ended);
        live.map(|process| process.id.pid).collect()
    }

    /// Reads the table as the agent does: first the order, then each process, with `between` at work in between.
    pub fn table(&mut self, mut between: impl FnMut(&mut Self)) -> Table {
        let mut order = Vec::new();
        let mut next = VecDeque::from([AGENT]);
        let mut seen = BTreeSet::new();
        while let Some(pid) = next.pop_front() {
            if seen.insert(pid) {
                order.push(pid);
                next.extend(self.processes.values().filter(|p| p.parent == pid).map(|p| p.id.pid));
            }
        }
        let mut processes = Vec::new();
        for pid in order {
            between(self);
            let Some(process) = self.processes.get(&pid) else { continue };
            processes.push(Observed {
                id: process.id,
                parent: process.parent,
                group: process.group,
                session: process.group,
                ended: process.ended,
                title: process.title.clone(),
                own: process.own,
                reaped: process.reaped,
                memory_bytes: 1_000_000,
                context: None,
            });
        }
        Table { uptime_ms: self.uptime_ms, processes, logs: Vec::new() }
    }
}
