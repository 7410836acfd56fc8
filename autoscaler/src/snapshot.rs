//! What the run loop last saw and decided, for `explain` and for the next start.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use autoscaler_plan::{Action, Facts, Phase, Plan, Policy, ServiceTime, State, Worker};
use serde::{Deserialize, Serialize};

/// Version of [`Snapshot`].
const SCHEMA: u32 = 1;
/// Decisions remembered.
const HISTORY: usize = 20;

/// A decision that led to something being done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// When (Unix milliseconds).
    pub at_ms: u64,
    /// What was done.
    pub actions: Vec<Action>,
    /// Why.
    pub reasons: Vec<String>,
}

/// Counted since the first start with this state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Workers started.
    pub started: u64,
    /// Drains asked for.
    pub drained: u64,
    /// Drains taken back.
    pub undrained: u64,
    /// Workers that ended without being asked.
    pub crashed: u64,
    /// Agents that were killed and started again under their names.
    #[serde(default)]
    pub restarted: u64,
    /// Drains that were over their limit, so that tasks may have been lost.
    pub overdue: u64,
}

/// The state of a pool's loop.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Pool.
    pub pool: String,
    /// When (Unix milliseconds).
    pub at_ms: u64,
    /// What the owner wants.
    pub policy: Policy,
    /// What was seen.
    pub facts: Facts,
    /// What was decided, and why.
    pub plan: Plan,
    /// What the next decision needs.
    pub state: State,
    /// How long tasks take.
    pub service: ServiceTime,
    /// Totals.
    pub counters: Counters,
    /// The latest decisions that did something, the newest last.
    pub decisions: Vec<Decision>,
}

impl Snapshot {
    /// Nothing seen, nothing decided.
    pub fn new(pool: &str, policy: &Policy) -> Self {
        Self {
            schema: SCHEMA,
            pool: pool.to_owned(),
            at_ms: 0,
            policy: policy.clone(),
            facts: Facts::default(),
            plan: Plan::default(),
            state: State::default(),
            service: ServiceTime::default(),
            counters: Counters::default(),
            decisions: Vec::new(),
        }
    }

    /// Reads the last one. `None` when there is none, or none of this version: it is only advice.
    pub fn read(directory: &Path) -> io::Result<Option<Self>> {
        match fs::read(path(directory)) {
            Ok(bytes) => {
                let snapshot = serde_json::from_slice(&bytes).ok();
                Ok(snapshot.filter(|snapshot: &Self| snapshot.schema == SCHEMA))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it for others to read.
    pub fn write(&self, directory: &Path) -> io::Result<()> {
        crate::fleet::write_quickly(&path(directory), &serde_json::to_vec(self)?)
    }

    /// Takes a new decision.
    pub fn take(&mut self, facts: Facts, plan: Plan, now_ms: u64) {
        if !plan.actions.is_empty() {
            let reasons = plan.reasons.iter().map(ToString::to_string).collect();
            self.decisions.push(Decision { at_ms: now_ms, actions: plan.actions.clone(), reasons });
            let surplus = self.decisions.len().saturating_sub(HISTORY);
            self.decisions.drain(..surplus);
        }
        (self.facts, self.plan, self.at_ms) = (facts, plan, now_ms);
    }

    /// Workers in a phase.
    pub fn workers_in(&self, phase: Phase) -> impl Iterator<Item = &Worker> {
        self.facts.workers.iter().filter(move |worker| worker.phase == phase)
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join("status.json")
}
