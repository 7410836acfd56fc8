//! Which workers go first.

use crate::State;
use crate::facts::{Phase, Worker};

/// Ready workers, the best victim first: idle ones, the longest idle before others; then the least busy,
/// the youngest before others. Starting and silent workers are never victims.
pub(crate) fn in_order<'a>(workers: &'a [Worker], state: &State, now_ms: u64) -> Vec<&'a Worker> {
    let mut candidates: Vec<&Worker> =
        workers.iter().filter(|worker| worker.phase == Phase::Ready && worker.busy.is_some()).collect();
    candidates.sort_by_key(|worker| {
        let longest_idle_first = u64::MAX - idle_ms(worker, state, now_ms);
        (worker.busy, longest_idle_first, u64::MAX - worker.started_ms, worker.name.clone())
    });
    candidates
}

/// How long a worker has had no task.
pub(crate) fn idle_ms(worker: &Worker, state: &State, now_ms: u64) -> u64 {
    state.idle_since.get(&worker.name).map_or(0, |&since| now_ms.saturating_sub(since))
}

/// Keeps `idle_since` up to date.
pub(crate) fn note_idle(workers: &[Worker], state: &mut State, now_ms: u64) {
    let is_idle = |worker: &&Worker| worker.phase == Phase::Ready && worker.busy == Some(0);
    state.idle_since.retain(|name, _| workers.iter().any(|worker| is_idle(&worker) && &worker.name == name));
    for worker in workers.iter().filter(is_idle) {
        state.idle_since.entry(worker.name.clone()).or_insert(now_ms);
    }
}
