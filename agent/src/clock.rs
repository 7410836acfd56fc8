use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix time that never goes back: the wall clock at the start, plus what a monotonic clock has counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    started_ms: u64,
    started: Instant,
}

impl Clock {
    /// A clock that starts now.
    pub(crate) fn start() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started_ms: u64::try_from(now.as_millis()).unwrap_or(u64::MAX), started: Instant::now() }
    }

    /// Unix milliseconds.
    pub(crate) fn now_ms(&self) -> u64 {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(passed)
    }
}
