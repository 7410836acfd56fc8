use serde::{Deserialize, Serialize};

/// A wall clock that differs by more than this from what the monotonic clock has counted was set: the next window
/// begins at its new time. Less is drift, which the windows follow without gaps.
const JUMP_MS: u64 = 2_000;

/// One moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Now {
    /// Unix milliseconds; may jump.
    pub wall_ms: u64,
    /// Milliseconds of a clock that only goes forward, from any start.
    pub mono_ms: u64,
}

/// Stamps within a window: the wall clock of its begin, plus what the monotonic clock has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timeline {
    anchor: Now,
}

impl Timeline {
    pub(crate) fn new(now: Now) -> Self {
        Self { anchor: now }
    }

    /// Unix milliseconds of `now`, never before an earlier one of this window.
    pub(crate) fn stamp(&self, now: Now) -> u64 {
        self.anchor.wall_ms.saturating_add(now.mono_ms.saturating_sub(self.anchor.mono_ms))
    }

    /// For the next window, which begins `now`.
    pub(crate) fn next(&self, now: Now) -> Self {
        let stamp = self.stamp(now);
        let jumped = stamp.abs_diff(now.wall_ms) > JUMP_MS;
        Self::new(Now { wall_ms: if jumped { now.wall_ms } else { stamp }, mono_ms: now.mono_ms })
    }
}
