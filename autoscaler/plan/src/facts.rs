//! What is known when a decision is made. All plain data, gathered by the shell.

use serde::{Deserialize, Serialize};

/// What waits and runs in a pool's queues.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Distinct work that could start now.
    pub ready: u64,
    /// Messages that stand for work already counted.
    pub duplicates: u64,
    /// Of the duplicates, the distinct work for which a message in flight stands.
    #[serde(default)]
    pub covered: u64,
    /// Messages whose token has ended.
    pub expired: u64,
    /// Messages counted without being read.
    pub unread: u64,
    /// Messages that some worker has taken and not acknowledged, ours or not.
    pub in_flight: u64,
    /// Ids of the messages that are taken next, one for each queue that has any.
    pub heads: Vec<String>,
}

/// Where a worker stands, as far as planning is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Will consume soon.
    Starting,
    /// Consumes.
    Ready,
    /// Consumes no more, tasks finish. Can be taken back.
    Draining,
    /// Nothing is left. Can be taken back until it is stopped.
    Drained,
    /// Was told to end.
    Stopping,
    /// Cannot go on, by its own words.
    Failed,
    /// Its process lives and does not answer: nothing is known about its tasks.
    Silent,
}

impl Phase {
    /// Whether the worker takes work now or soon. A silent one is given the benefit of the doubt, so that
    /// nothing is started twice.
    pub fn is_capacity(self) -> bool {
        matches!(self, Self::Starting | Self::Ready | Self::Silent)
    }
}

/// One worker of the pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// Unique name.
    pub name: String,
    /// Phase.
    pub phase: Phase,
    /// Tasks running or taken; `None` when not known.
    pub busy: Option<u32>,
    /// When it was started (Unix milliseconds).
    pub started_ms: u64,
    /// When it entered `phase` (Unix milliseconds).
    pub since_ms: u64,
}

/// Everything known about a pool at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// `None`: the broker did not answer. Nothing is concluded from silence.
    pub demand: Option<Demand>,
    /// The pool's workers that live.
    pub workers: Vec<Worker>,
    /// Workers that ended without being told to, since the last decision.
    pub crashed: u32,
    /// Measured time that a task holds a slot, in milliseconds.
    pub service_ms: Option<u64>,
}
