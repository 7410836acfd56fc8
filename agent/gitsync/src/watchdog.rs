//! Bounds a fetch that only knows how to be interrupted.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the received bytes are looked at: a fast network brings about 100 MB in this time.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Why a fetch was interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bite {
    Time,
    Size,
}

/// Runs `work` and raises the flag it gets once `limit` has passed or `folder` holds more than `max_bytes`.
///
/// Answers what `work` answered, with the reason if it was interrupted.
pub(crate) fn watch<T>(
    folder: &Path,
    max_bytes: u64,
    limit: Duration,
    work: impl FnOnce(&AtomicBool) -> T,
) -> (T, Option<Bite>) {
    let (stop, bite) = (AtomicBool::new(false), AtomicU8::new(0));
    let (done, changed) = (Mutex::new(false), Condvar::new());
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            let start = Instant::now();
            let mut finished = done.lock().unwrap_or_else(PoisonError::into_inner);
            while !*finished {
                let cause = if start.elapsed() >= limit {
                    1
                } else if bytes_in(folder) > max_bytes {
                    2
                } else {
                    0
                };
                if cause != 0 {
                    bite.store(cause, Ordering::Relaxed);
                    stop.store(true, Ordering::Relaxed);
                    return;
                }
                let waited = changed.wait_timeout(finished, LOOK_EVERY);
                finished = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        });
        // Also when `work` panics: the watching thread must end, or the scope never does.
        let _released = Release { done: &done, changed: &changed };
        work(&stop)
    });
    let bite = match bite.load(Ordering::Relaxed) {
        1 => Some(Bite::Time),
        2 => Some(Bite::Size),
        _ => None,
    };
    (answer, bite)
}

struct Release<'a> {
    done: &'a Mutex<bool>,
    changed: &'a Condvar,
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        *self.done.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }
}

/// Bytes of the files directly in `folder`; 0 when it does not exist.
pub(crate) fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn until_stopped(stop: &AtomicBool) -> bool {
        let start = Instant::now();
        while !stop.load(Ordering::Relaxed) && start.elapsed() < Duration::from_secs(10) {
            std::thread::yield_now();
        }
        stop.load(Ordering::Relaxed)
    }

    #[test]
    fn time_and_size_interrupt() {
        let dir = tempfile::tempdir().unwrap();
        let (stopped, bite) = watch(dir.path(), 10, Duration::from_millis(20), until_stopped);
        assert_eq!((stopped, bite), (true, Some(Bite::Time)));
        std::fs::write(dir.path().join("pack"), [0; 11]).unwrap();
        let (stopped, bite) = watch(dir.path(), 10, Duration::from_mins(1), until_stopped);
        assert_eq!((stopped, bite), (true, Some(Bite::Size)));
    }

    #[test]
    fn quick_work_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(watch(dir.path(), 10, Duration::from_mins(1), |_| 7), (7, None));
    }
}
