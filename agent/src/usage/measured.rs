use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use agent_usage::{Facts, Identity, Meter, Now, Reaped};
use domain::UsageRecord;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::proc_table::{Stat, of_children, uptime_ms};

/// Events that wait for the next look: a worker's log of many minutes of the shortest tasks. The oldest go first.
const EVENTS: usize = 8_192;
/// Closed rows that wait for the cost service; the store has them all.
const LIVE_ROWS: usize = 20_000;
/// The kernel's times of a process are cut to 10 ms, four of them; a difference above this is another child's.
const TICKS_NS: u64 = 40_000_000;

/// What the agent learns about its workers.
#[derive(Debug, Clone)]
pub enum Event {
    /// A worker's main process runs.
    WorkerStarted {
        /// Its process id.
        pid: u32,
    },
    /// It has ended.
    WorkerEnded {
        /// Its process id.
        pid: u32,
    },
    /// Its log says that an attempt begins.
    Begun {
        /// Which.
        identity: Box<Identity>,
        /// The worker's process id.
        worker: u32,
    },
    /// It answered that it runs an attempt.
    Active {
        /// Which.
        identity: Box<Identity>,
        /// Process id of the pool child.
        pool_child: Option<u32>,
    },
    /// Its log says that an attempt ended.
    Ended {
        /// As [`Identity::id`].
        id: String,
        /// How.
        state: String,
    },
}

/// What waits on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Backlog {
    /// Closed windows that the store does not have.
    pub windows: u64,
    /// Age of the oldest in seconds.
    pub oldest_s: u64,
}

/// `GET /v1/usage`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// What runs.
    #[serde(flatten)]
    pub facts: Facts,
    /// What waits for the store.
    pub backlog: Backlog,
}

/// Usage of everything below this agent. Cheap to call from anywhere: events are taken at the next look.
#[derive(Debug)]
pub struct Usage {
    pub(super) meter: Mutex<Meter>,
    events: Mutex<VecDeque<(Now, Event)>>,
    pub(super) woken: Notify,
    pub(super) closed: Notify,
    live: Mutex<VecDeque<UsageRecord>>,
    backlog: Mutex<Backlog>,
    clock: Clock,
}

/// Both clocks; the monotonic one counts from boot, so that the next agent's goes on where this one's ends.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    uptime_ms: u64,
    started: Instant,
}

impl Clock {
    /// A clock.
    pub fn start() -> Self {
        Self { uptime_ms: uptime_ms(), started: Instant::now() }
    }

    /// This moment.
    pub fn now(&self) -> Now {
        let passed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let wall = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Now {
            wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
            mono_ms: self.uptime_ms.saturating_add(passed),
        }
    }
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Usage {
    /// Usage measured by `meter`, whose times are `clock`'s.
    pub fn new(meter: Meter, clock: Clock) -> Arc<Self> {
        Arc::new(Self {
            meter: Mutex::new(meter),
            events: Mutex::default(),
            woken: Notify::new(),
            closed: Notify::new(),
            live: Mutex::default(),
            backlog: Mutex::default(),
            clock,
        })
    }

    /// This moment on the meter's clocks.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// Something happened; looked at within a moment.
    pub fn tell(&self, event: Event) {
        let mut events = locked(&self.events);
        if events.len() >= EVENTS {
            events.pop_front();
            metrics::counter!("updraft_agent_usage_dropped_events_total").increment(1);
        }
        events.push_back((self.now(), event));
        drop(events);
        self.woken.notify_one();
    }

    pub(super) fn take_events(&self) -> VecDeque<(Now, Event)> {
        std::mem::take(&mut *locked(&self.events))
    }

    /// Reaps an ended child of the agent by `reap` (which says whether it did), and counts what it had used. No look
    /// is taken meanwhile: the child is in a table, or it is reaped, never both.
    pub fn reap(&self, pid: u32, reap: impl FnOnce() -> bool) {
        let mut meter = locked(&self.meter);
        let (stat, before) = (Stat::of(pid), of_children());
        if stat.is_some_and(|stat| !meter.may_reap(stat.id)) {
            // At the next round; a look at it comes first.
            self.woken.notify_one();
            return;
        }
        if !reap() {
            return;
        }
        let Some(stat) = stat else { return };
        // Exact by what the agent's children gained, unless another child was awaited at the same moment.
        let (exact, seen) = (of_children().above(before), stat.own + stat.reaped);
        let is_its = exact.cpu_ns().saturating_sub(seen.cpu_ns()) <= TICKS_NS;
        let used = if is_its { exact.most(seen) } else { seen };
        let process = Reaped { id: stat.id, group: stat.group, session: stat.session, used };
        let now = self.now();
        meter.reaped(&process, now);
    }

    /// What runs and what waits. Takes a moment: a look may be under way.
    pub fn report(&self) -> Report {
        let facts = locked(&self.meter).facts(self.now());
        Report { facts, backlog: *locked(&self.backlog) }
    }

    pub(super) fn set_backlog(&self, backlog: Backlog) {
        metrics::gauge!("updraft_agent_usage_backlog_windows")
            .set(u32::try_from(backlog.windows).unwrap_or(u32::MAX));
        metrics::gauge!("updraft_agent_usage_backlog_oldest_seconds")
            .set(u32::try_from(backlog.oldest_s).unwrap_or(u32::MAX));
        *locked(&self.backlog) = backlog;
    }

    /// Closed rows for the cost service.
    pub(super) fn publish(&self, rows: &[UsageRecord]) {
        let mut live = locked(&self.live);
        live.extend(rows.iter().cloned());
        let surplus = live.len().saturating_sub(LIVE_ROWS);
        live.drain(..surplus);
    }

    /// Up to `limit` rows for the cost service: closed ones first, then the open ones as they stand.
    pub(super) fn live_rows(&self, limit: usize) -> Vec<UsageRecord> {
        let mut rows: Vec<_> = locked(&self.live).iter().take(limit).cloned().collect();
        if rows.len() < limit {
            rows.extend(locked(&self.meter).rows(self.now()));
        }
        rows
    }

    /// These were acknowledged; open rows are sent again all the same.
    pub(super) fn acknowledged(&self, is_known: impl Fn(&UsageRecord) -> bool) {
        locked(&self.live).retain(|row| !is_known(row));
    }
}
