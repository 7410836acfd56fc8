use serde::{Deserialize, Serialize};

/// What the pool's owner wants. Integers, units in the names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Tasks that one worker runs at once (Celery's concurrency). At least 1.
    pub slots_per_worker: u32,
    /// Workers that are there even without demand.
    pub min: u32,
    /// Workers that are never exceeded, draining ones included.
    pub max: u32,
    /// Objective: work starts within so many seconds.
    pub wait_s: u64,
    /// Time from the start of a worker until it takes its first task.
    pub start_s: u64,
    /// Surplus must last so long before a worker is drained.
    pub idle_s: u64,
    /// A drain that lasts longer is ended; running tasks are then lost and named.
    pub drain_timeout_s: u64,
    /// Workers that may be starting at once.
    pub max_starting: u32,
    /// Share of the workers that one scale-down step may drain, at least one worker.
    pub max_step_down_percent: u32,
    /// Pause between two scale-down steps.
    pub step_pause_s: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            slots_per_worker: 16,
            min: 0,
            max: 10,
            wait_s: 30,
            start_s: 8,
            idle_s: 120,
            drain_timeout_s: 86_400,
            max_starting: 4,
            max_step_down_percent: 50,
            step_pause_s: 5,
        }
    }
}
