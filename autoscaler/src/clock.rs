//! The one place that reads the clock.

use std::sync::OnceLock;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Unix milliseconds that never go back: the wall clock at the first call, plus what a monotonic clock has counted. A
/// machine whose clock is set must not drain a pool because everything looks idle for hours.
pub fn unix_ms() -> u64 {
    static STARTED: OnceLock<(u64, Instant)> = OnceLock::new();
    let (started_ms, started) = STARTED.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        (u64::try_from(since.as_millis()).unwrap_or(u64::MAX), Instant::now())
    });
    started_ms.saturating_add(u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX))
}
