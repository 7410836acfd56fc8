use serde::{Deserialize, Serialize};

/// The bounds of a worker's life, all in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// From the start of a drain until the process tree is ended with its tasks.
    pub drain_timeout_ms: u64,
    /// Two idle samples must be this far apart: longer than the moment in which a message has left its
    /// queue and is not yet reserved.
    pub idle_gap_ms: u64,
    /// Between samples while draining or starting.
    pub fast_sample_ms: u64,
    /// Between samples of a ready or drained worker.
    pub slow_sample_ms: u64,
    /// Between attempts to cancel or add consumers that were not acknowledged.
    pub consumers_retry_ms: u64,
    /// The worker's remote control is used. Without it only the process tree tells what runs.
    pub has_control: bool,
    /// Remote control that is silent for this long counts as gone; then the process tree decides.
    pub control_silence_ms: u64,
    /// An idle worker that was told to end gets this long before its process tree is ended.
    pub exit_grace_ms: u64,
    /// First wait before a crashed worker is started again.
    pub restart_initial_ms: u64,
    /// Longest wait before a crashed worker is started again.
    pub restart_max_ms: u64,
    /// A worker that was ready for this long did not fail to start: the next wait is the first again.
    pub healthy_after_ms: u64,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            drain_timeout_ms: 86_400_000,
            idle_gap_ms: 2_000,
            fast_sample_ms: 500,
            slow_sample_ms: 5_000,
            consumers_retry_ms: 1_000,
            has_control: true,
            control_silence_ms: 30_000,
            exit_grace_ms: 60_000,
            restart_initial_ms: 1_000,
            restart_max_ms: 60_000,
            healthy_after_ms: 60_000,
        }
    }
}

impl Policy {
    /// The wait before start number `failures` + 1, after `failures` failures in a row.
    pub fn restart_wait_ms(&self, failures: u32) -> u64 {
        // 2^20 times any sensible first wait is above any sensible bound.
        let doublings = failures.saturating_sub(1).min(20);
        self.restart_initial_ms.saturating_mul(1 << doublings).min(self.restart_max_ms)
    }
}
