use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_usage::{Allotment, Identity, Meter, News, Now, Saved, Writer};
use daemon::CancellationToken;
use domain::UsageRecord;

use super::details::Details;
use super::journal::Journal;
use super::measured::{Clock, Event, Usage, locked};
use super::proc_table;

/// Between two looks at least, however many tasks begin and end.
const LEAST_PAUSE: Duration = Duration::from_millis(50);
/// After an event a second look follows soon: a task that was announced has its process and title a moment later.
const SECOND_LOOK: Duration = Duration::from_millis(250);
/// How often the open window is saved: so much of a window is lost when agent and worker are killed. A young attempt
/// that is killed must not look as if it had cost nothing.
const SAVE_EVERY_MS: u64 = 1_000;

/// Closed windows that wait in memory while the disk is full: an hour.
const UNWRITTEN: usize = 60;

/// What becomes of the open window on disk.
enum Open {
    Unchanged,
    Holds(Box<Saved>),
    Ended,
}

/// Looks at the processes, closes windows, and keeps both on disk.
#[derive(Debug)]
pub struct Sampler {
    /// What is measured.
    pub usage: Arc<Usage>,
    /// Where rows go; absent: nowhere, only the present is known.
    pub journal: Option<Journal>,
    /// Airflow's log folder, for the growth of logs.
    pub log_folder: Option<PathBuf>,
    /// Between two looks.
    pub pause: Duration,
    details: Details,
    /// Closed windows that the disk did not take.
    unwritten: VecDeque<Vec<UsageRecord>>,
    saved_ms: u64,
}

impl Sampler {
    /// A sampler that looks every `pause`.
    pub fn new(
        usage: Arc<Usage>,
        journal: Option<Journal>,
        log_folder: Option<PathBuf>,
        pause: Duration,
    ) -> Self {
        let pause = pause.max(LEAST_PAUSE);
        Self {
            usage,
            journal,
            log_folder,
            pause,
            details: Details::default(),
            unwritten: VecDeque::new(),
            saved_ms: 0,
        }
    }

    /// Looks until `stop`, then closes the last window.
    pub async fn run(&mut self, stop: CancellationToken) {
        let mut pause = Duration::ZERO;
        while !stop.is_cancelled() {
            let usage = self.usage.clone();
            let woken = tokio::select! {
                () = stop.cancelled() => break,
                () = usage.woken.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
            self.step_aside(false);
            let left = locked(&usage.meter).window_left_ms(usage.now());
            let next = if woken { SECOND_LOOK.min(self.pause) } else { self.pause };
            pause = next.min(Duration::from_millis(left)).max(LEAST_PAUSE);
            if stop.run_until_cancelled(tokio::time::sleep(LEAST_PAUSE)).await.is_none() {
                break;
            }
        }
        self.step_aside(true);
    }

    /// One look, some milliseconds, where blocking is no harm.
    fn step_aside(&mut self, last: bool) {
        tokio::task::block_in_place(|| self.step(last));
    }

    fn step(&mut self, last: bool) {
        let usage = self.usage.clone();
        let mut meter = locked(&usage.meter);
        // After the lock: whoever is reaped is reaped before the events and the table, or after them.
        let events = usage.take_events();
        let mut looked = false;
        for (at, event) in events {
            match event {
                Event::WorkerStarted { pid } => meter.worker_started(pid),
                Event::Begun { identity, worker } => meter.begun(&identity, Some(worker), at),
                Event::Active { identity, pool_child } => {
                    self.look_once(&mut meter, &mut looked);
                    meter.active(&identity, pool_child, None, at);
                }
                Event::Ended { id, state } => {
                    self.look_once(&mut meter, &mut looked);
                    meter.ended(&id, &state, at);
                }
                Event::WorkerEnded { pid } => {
                    self.look_once(&mut meter, &mut looked);
                    meter.worker_ended(pid, at);
                }
            }
        }
        self.look_once(&mut meter, &mut looked);
        let now = usage.now();
        tell(&mut meter, now);
        let closed = (last || meter.window_left_ms(now) == 0).then(|| meter.close(now));
        let due = closed.is_some() || now.mono_ms.saturating_sub(self.saved_ms) >= SAVE_EVERY_MS;
        let open = match &self.journal {
            Some(journal) if due && !last => {
                let uptime_ms = proc_table::uptime_ms();
                Open::Holds(Box::new(meter.save(journal.boot_id(), uptime_ms, now)))
            }
            _ if last => Open::Ended,
            _ => Open::Unchanged,
        };
        if due {
            self.saved_ms = now.mono_ms;
        }
        // Writing may take its time; whoever asks or reaps meanwhile need not wait.
        drop(meter);
        self.keep(closed.as_deref(), open);
    }

    fn look_once(&mut self, meter: &mut Meter, looked: &mut bool) {
        if std::mem::replace(looked, true) {
            return;
        }
        let mut table = proc_table::read(&meter.follow(), &meter.workers(), &mut self.details);
        if let Some(folder) = &self.log_folder {
            for path in meter.logs() {
                let size = std::fs::metadata(folder.join(&path)).map_or(0, |metadata| metadata.len());
                table.logs.push((path, size));
            }
        }
        meter.sample(&table, self.usage.now());
    }

    /// Closed rows and the open window go to disk.
    fn keep(&mut self, closed: Option<&[UsageRecord]>, open: Open) {
        if let Some(rows) = closed {
            metrics::counter!("updraft_agent_usage_rows_total").increment(rows.len() as u64);
            self.usage.publish(rows);
        }
        let Some(journal) = &self.journal else { return };
        self.unwritten.extend(closed.map(<[UsageRecord]>::to_vec));
        while let Some(rows) = self.unwritten.front() {
            if let Err(error) = journal.close(rows) {
                let windows = self.unwritten.len();
                if closed.is_some() {
                    tracing::error!(
                        error = daemon::chain(&error),
                        windows,
                        "usage waits in memory for the disk"
                    );
                }
                if windows > UNWRITTEN {
                    metrics::counter!("updraft_agent_usage_dropped_windows_total").increment(1);
                    self.unwritten.pop_front();
                }
                // The open window on disk stands for the first of them: it must not go.
                return;
            }
            self.unwritten.pop_front();
        }
        let kept = match open {
            Open::Holds(saved) => journal.save(&saved),
            Open::Ended => journal.forget_open(),
            Open::Unchanged => Ok(()),
        };
        if let Err(error) = kept {
            tracing::warn!(error = daemon::chain(&error), "open usage is not on disk");
        }
        if closed.is_some() {
            self.usage.closed.notify_one();
        }
    }
}

/// A meter that goes on with what an earlier agent of this journal left open; what that agent could not close is
/// closed now.
pub fn restore(journal: &Journal, fresh: (Writer, Allotment, u64), clock: &Clock) -> Meter {
    let left = journal.left_open().unwrap_or_else(|error| {
        tracing::error!(error = daemon::chain(&error), "the usage that an earlier agent left is not read");
        None
    });
    let Some(saved) = left else {
        let (writer, allotment, stuck_after_ms) = fresh;
        return Meter::new(writer, allotment, stuck_after_ms, clock.now());
    };
    let table = proc_table::read(&saved.follow(), &[], &mut Details::default());
    let (meter, rows) = Meter::restore(saved, journal.boot_id(), &table, fresh, clock.now());
    let lost: Vec<_> =
        rows.iter().filter(|row| row.state == agent_usage::LOST).map(|row| &row.ti_id).collect();
    tracing::warn!(rows = rows.len(), ?lost, "an earlier agent did not end by itself: its usage is closed");
    if let Err(error) = journal.close(&rows).and_then(|()| journal.forget_open()) {
        tracing::error!(error = daemon::chain(&error), "usage that an earlier agent left is not on disk");
    }
    meter
}

/// What is new goes to the log, once, and to the metrics as counts.
fn tell(meter: &mut Meter, now: Now) {
    for news in meter.news(now) {
        match news {
            News::Stuck(task) => tracing::warn!(
                task = task.name,
                idle_s = task.idle_s,
                age_s = task.age_s,
                "a task runs without CPU, log line and IO"
            ),
            News::Orphaned(orphans) => {
                let pids: Vec<_> = orphans.iter().map(|orphan| orphan.pid).collect();
                let (task, title) = orphans.first().map(|orphan| (&orphan.name, &orphan.title)).unzip();
                tracing::warn!(task, ?pids, title, "processes live on after their task has ended");
            }
        }
    }
    let facts = meter.facts(now);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    metrics::gauge!("updraft_agent_orphans").set(count(facts.orphans.len()));
    metrics::gauge!("updraft_agent_stuck_tasks")
        .set(count(facts.running.iter().filter(|task| task.stuck).count()));
}

/// For a task of which only the log line is known.
impl Event {
    /// The worker with this process id begins an attempt.
    pub fn begun(identity: Identity, worker: u32) -> Self {
        Self::Begun { identity: Box::new(identity), worker }
    }
}
