//! Whether an attempt does anything at all.

use serde::{Deserialize, Serialize};

use crate::table::Counters;
use crate::time::Now;

/// CPU is looked at over stretches of this length: a heartbeat in an otherwise idle second is no work.
const STRETCH_MS: u64 = 10_000;
/// CPU time over a stretch from which on an attempt works: 1 %.
const WORKING_PER_MILLE: u64 = 10;

/// The last time that an attempt used CPU, wrote its log or did IO.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Activity {
    stretch_begun_ms: u64,
    /// What it had used when the stretch began.
    used: Counters,
    last_active_ms: u64,
    /// Being stuck was reported.
    pub(crate) is_reported: bool,
}

impl Activity {
    pub(crate) fn new(now: Now) -> Self {
        Self {
            stretch_begun_ms: now.mono_ms,
            used: Counters::default(),
            last_active_ms: now.mono_ms,
            is_reported: false,
        }
    }

    /// What it has used until now.
    pub(crate) fn look(&mut self, used: Counters, log_grew: bool, now: Now) {
        let passed_ms = now.mono_ms.saturating_sub(self.stretch_begun_ms);
        let since = used.above(self.used);
        let did_io = since.read_bytes > 0 || since.write_bytes > 0;
        if passed_ms >= STRETCH_MS {
            // A thousandth of a millisecond is a thousand nanoseconds.
            let worked = since.cpu_ns() >= passed_ms.saturating_mul(WORKING_PER_MILLE * 1_000);
            (self.stretch_begun_ms, self.used) = (now.mono_ms, used);
            if worked || did_io {
                self.active(now);
            }
        } else if did_io {
            self.active(now);
        }
        if log_grew {
            self.active(now);
        }
    }

    fn active(&mut self, now: Now) {
        self.last_active_ms = now.mono_ms;
        self.is_reported = false;
    }

    /// For how long nothing happened.
    pub(crate) fn idle_ms(&self, now: Now) -> u64 {
        now.mono_ms.saturating_sub(self.last_active_ms)
    }
}
