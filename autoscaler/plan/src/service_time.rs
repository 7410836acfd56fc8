use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Completed tasks below which no estimate is given.
const COMPLETED_MIN: u64 = 3;
/// Above so many completed tasks, older ones lose half their weight.
const COMPLETED_MAX: u64 = 200;
/// Longest time between two reports of a worker that is taken as one interval.
const GAP_MAX_MS: u64 = 10_000;

/// Mean time that a task holds a slot, from what workers say about themselves (Celery heartbeats).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceTime {
    busy_ms: u64,
    completed: u64,
    workers: BTreeMap<String, Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Report {
    at_ms: u64,
    active: u32,
    completed: u64,
}

impl ServiceTime {
    /// Takes a report: `active` slots in use, `started` tasks since the worker started (Celery's `processed`
    /// counts a task when it starts).
    pub fn take(&mut self, worker: &str, active: u32, started: u64, now_ms: u64) {
        let report = Report { at_ms: now_ms, active, completed: started.saturating_sub(u64::from(active)) };
        if let Some(before) = self.workers.insert(worker.to_owned(), report)
            && report.completed >= before.completed
        {
            let elapsed_ms = now_ms.saturating_sub(before.at_ms).min(GAP_MAX_MS);
            self.busy_ms = self.busy_ms.saturating_add(elapsed_ms * u64::from(before.active));
            self.completed += report.completed - before.completed;
            if self.completed > COMPLETED_MAX {
                self.completed /= 2;
                self.busy_ms /= 2;
            }
        }
    }

    /// Forgets workers that are not among `names`; what they taught stays.
    pub fn keep(&mut self, names: impl Fn(&str) -> bool) {
        self.workers.retain(|name, _| names(name));
    }

    /// Milliseconds that a task holds a slot; `None` before enough tasks were seen.
    pub fn estimate_ms(&self) -> Option<u64> {
        (self.completed >= COMPLETED_MIN).then(|| (self.busy_ms / self.completed).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_slots_with_tasks_of_five_seconds() {
        let mut service = ServiceTime::default();
        for second in (0..60).step_by(2) {
            service.take("w", 4, 4 + 4 * (second / 5), second * 1000);
        }
        let estimate = service.estimate_ms().unwrap();
        assert!((4_500..=5_500).contains(&estimate), "{estimate}");
    }

    #[test]
    fn too_few_tasks_give_no_estimate_and_a_restart_of_the_worker_no_nonsense() {
        let mut service = ServiceTime::default();
        service.take("w", 1, 3, 0);
        service.take("w", 1, 4, 2_000);
        assert_eq!(service.estimate_ms(), None);
        service.take("w", 0, 0, 4_000);
        service.take("w", 0, 2, 6_000);
        assert_eq!(service.estimate_ms(), Some(666));
    }
}
