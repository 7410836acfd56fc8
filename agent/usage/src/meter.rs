use std::collections::BTreeMap;

use domain::UsageRecord;
use domain::usage::{UsageKind, UsageQuality};

use crate::attempts::{Attempts, Ended};
use crate::identity::Identity;
use crate::ledger::{Charge, Ledger, Owner};
use crate::rows::{Allotment, Held, Row, Writer, name};
use crate::table::{ProcessId, Reaped, Table};
use crate::time::{Now, Timeline};
use crate::window::Window;

/// What is alive this long after its attempt's end is an orphan; before, it is on its way out.
pub(crate) const LEAVING_MS: u64 = 2_000;

/// State of an attempt whose worker or agent died under it.
pub const LOST: &str = "lost";
/// State of an attempt of whose end nobody heard.
pub const UNKNOWN: &str = "unknown";

/// Turns looks at the process table, and what the worker says, into usage rows. See the crate's example.
#[derive(Debug, Clone)]
pub struct Meter {
    pub(crate) writer: Writer,
    pub(crate) allotment: Allotment,
    pub(crate) stuck_after_ms: u64,
    pub(crate) ledger: Ledger,
    pub(crate) attempts: Attempts,
    pub(crate) window: Window,
    pub(crate) seq: u64,
    pub(crate) sampled: Now,
}

impl Meter {
    /// A meter whose first window begins now.
    pub fn new(writer: Writer, allotment: Allotment, stuck_after_ms: u64, now: Now) -> Self {
        let mut seq = 0;
        let window = Window::open(Timeline::new(now), now, &mut seq);
        let (ledger, attempts) = (Ledger::default(), Attempts::default());
        Self { writer, allotment, stuck_after_ms, ledger, attempts, window, seq, sampled: now }
    }

    /// A worker's main process was started, or taken over.
    pub fn worker_started(&mut self, pid: u32) {
        self.ledger.worker_started(pid);
    }

    /// It has ended: what it ran and did not report is lost.
    pub fn worker_ended(&mut self, pid: u32, now: Now) {
        self.ledger.worker_ended(pid);
        let its = |(number, attempt): (&u64, &crate::attempts::Attempt)| {
            (attempt.root == Some(pid) && !attempt.is_over()).then_some(*number)
        };
        let lost: Vec<u64> = self.attempts.by_number.iter().filter_map(its).collect();
        for number in lost {
            self.end(number, LOST, now);
        }
    }

    /// The worker with main process `root` says that it begins an attempt.
    pub fn begun(&mut self, identity: &Identity, root: Option<u32>, now: Now) {
        let number = self.attempts.begun(identity, root, now);
        self.open_row(number, now);
    }

    /// The worker says that it runs an attempt, in the pool child `pool_pid` where it knows that.
    pub fn active(&mut self, identity: &Identity, pool_pid: Option<u32>, root: Option<u32>, now: Now) {
        if self.attempts.has_ended(identity) {
            return; // The answer is older than the line that said so.
        }
        let number = self.attempts.begun(identity, root, now);
        self.open_row(number, now);
        if let Some(pid) = pool_pid {
            let charges = self.ledger.hold(pid, number, &mut self.attempts);
            self.book_late(&charges, now);
        }
    }

    /// The worker says how an attempt ended. Take a table right before: what it shows still counts for the attempt.
    pub fn ended(&mut self, id: &str, state: &str, now: Now) {
        if let Some(number) = self.attempts.running_id(id) {
            self.end(number, state, now);
        }
    }

    fn end(&mut self, number: u64, state: &str, now: Now) {
        let Some(attempt) = self.attempts.get_mut(number) else { return };
        let unlinked = !attempt.is_linked;
        attempt.ended = Some(Ended { state: state.to_owned(), at: now });
        if unlinked && let Some(charge) = self.ledger.claim(number) {
            self.book_late(&[charge], now);
        }
        self.open_row(number, now);
        self.ledger.release(number);
        let stamp = self.window.timeline.stamp(now);
        if let Some(row) = self.attempts.get_mut(number).and_then(|attempt| attempt.row.as_mut()) {
            row.end = Some(stamp);
        }
    }

    /// A table has shown this process ended, so that its counters are final and what it had reaped itself is settled:
    /// the agent may reap it. Reaped earlier, children that it reaped since the last table would be counted twice.
    pub fn may_reap(&self, id: ProcessId) -> bool {
        self.ledger.known.get(&id).is_some_and(|known| known.ended)
    }

    /// The agent has reaped an orphan, which it [may](Meter::may_reap).
    pub fn reaped(&mut self, process: &Reaped, now: Now) {
        let charge = self.ledger.reaped(process, &self.attempts);
        self.book_late(&[charge], now);
    }

    /// Counts what was used since the last table.
    pub fn sample(&mut self, table: &Table, now: Now) {
        let elapsed_ms = now.mono_ms.saturating_sub(self.sampled.mono_ms);
        self.attempts.now = Some(now);
        let (charges, grown) = self.ledger.sample(table, &mut self.attempts);
        self.window.whole.counters += grown;
        self.book(&charges, now);
        self.hold_memory(table, elapsed_ms, now);
        self.read_logs(&table.logs, now);
        self.sampled = now;
        let silent: Vec<u64> = self.look_at_attempts(now);
        for number in silent {
            self.end(number, UNKNOWN, now);
        }
        self.attempts.forget(now);
    }

    /// Charges between two tables: the whole must not stay behind them.
    fn book_late(&mut self, charges: &[Charge], now: Now) {
        self.window.whole.counters += self.ledger.grown();
        self.book(charges, now);
    }

    fn book(&mut self, charges: &[Charge], now: Now) {
        for charge in charges {
            let row = match charge.owner {
                Owner::Overhead => Some(&mut self.window.overhead),
                Owner::Attempt(number) => {
                    if let Some(attempt) = self.attempts.get_mut(number) {
                        attempt.used += charge.used;
                    }
                    self.row_of(number, charge.settled, now)
                }
                // Measured with the whole, attributed to nobody.
                Owner::Slot(_) | Owner::Unknown => None,
            };
            if let Some(row) = row {
                row.used.counters += charge.used;
            }
        }
    }

    /// The row that a charge to an attempt goes to: its own while it runs and leaves, then the orphans'.
    fn row_of(&mut self, number: u64, settled: bool, now: Now) -> Option<&mut Row> {
        let start = self.window.timeline.stamp(now).saturating_sub(self.window.length_ms(now));
        let attempt = self.attempts.get_mut(number)?;
        let leaving = |ended: &Ended| settled || now.mono_ms.saturating_sub(ended.at.mono_ms) < LEAVING_MS;
        let own = match &attempt.ended {
            None => true,
            Some(ended) => leaving(ended) && attempt.row.is_some(),
        };
        let begun = self.window.timeline.stamp(attempt.ended.as_ref().map_or(now, |ended| ended.at));
        let slot = if own { &mut attempt.row } else { &mut attempt.orphan_row };
        Some(slot.get_or_insert_with(|| {
            self.seq += 1;
            Row::new(self.seq, begun.max(start))
        }))
    }

    pub(crate) fn open_row(&mut self, number: u64, now: Now) {
        let stamp = self.window.timeline.stamp(now);
        if let Some(attempt) = self.attempts.get_mut(number) {
            attempt.row.get_or_insert_with(|| {
                self.seq += 1;
                Row::new(self.seq, stamp)
            });
        }
    }

    fn hold_memory(&mut self, table: &Table, elapsed_ms: u64, now: Now) {
        let mut held: BTreeMap<Option<u64>, Held> = BTreeMap::new();
        let (mut overhead, mut whole) = (Held::default(), Held::default());
        for process in table.processes.iter().filter(|process| !process.ended) {
            let Some(known) = self.ledger.known.get(&process.id) else { continue };
            // A process that is younger than the last table held memory for its own age only.
            let for_ms = elapsed_ms.min(table.uptime_ms.saturating_sub(process.id.start_ms));
            let mut owners = vec![&mut whole];
            match known.owner {
                Owner::Overhead => owners.push(&mut overhead),
                Owner::Attempt(number) => owners.push(held.entry(Some(number)).or_default()),
                Owner::Slot(_) | Owner::Unknown => {}
            }
            for owner in owners {
                owner.memory_bytes = owner.memory_bytes.saturating_add(process.memory_bytes);
                owner.memory_byte_ms += u128::from(process.memory_bytes) * u128::from(for_ms);
                owner.processes += 1;
            }
        }
        self.window.whole.hold(whole);
        self.window.overhead.used.hold(overhead);
        let numbers: Vec<u64> = self.attempts.by_number.keys().copied().collect();
        for number in numbers {
            let held = held.get(&Some(number)).copied().unwrap_or_default();
            let Some(attempt) = self.attempts.get_mut(number) else { continue };
            (attempt.processes, attempt.memory_bytes) = (held.processes, held.memory_bytes);
            let byte_s = u64::try_from(held.memory_byte_ms / 1_000).unwrap_or(u64::MAX);
            attempt.memory_byte_s = attempt.memory_byte_s.saturating_add(byte_s);
            if held.processes > 0 {
                attempt.sign(now);
                if let Some(row) = self.row_of(number, false, now) {
                    row.used.hold(held);
                }
            }
        }
    }

    fn read_logs(&mut self, logs: &[(String, u64)], now: Now) {
        for (path, size) in logs {
            let mut attempts = self.attempts.by_number.values_mut();
            let its = attempts.find(|attempt| attempt.identity.log_path.as_ref() == Some(path));
            let Some(attempt) = its else { continue };
            // A task that comes back from its deferral goes on in the log it had.
            let before = attempt.log_size.replace(*size).unwrap_or(*size);
            // Airflow empties a log that it has uploaded; then it grows anew.
            let grown = if *size >= before { size - before } else { *size };
            attempt.activity.look(attempt.used, grown > 0, now);
            if let Some(row) = attempt.row.as_mut() {
                row.used.log_bytes += grown;
            }
        }
    }

    /// Answers the attempts that have ended without a word.
    fn look_at_attempts(&mut self, now: Now) -> Vec<u64> {
        let mut silent = Vec::new();
        for (number, attempt) in &mut self.attempts.by_number {
            attempt.activity.look(attempt.used, false, now);
            if attempt.is_silent(now) {
                silent.push(*number);
            }
        }
        silent
    }

    /// Milliseconds until the window ends; then a table is due, and [`Meter::close`].
    pub fn window_left_ms(&self, now: Now) -> u64 {
        self.window.left_ms(now)
    }

    /// The rows of the open window as they stand.
    pub fn rows(&self, now: Now) -> Vec<UsageRecord> {
        let until = self.window.timeline.stamp(now);
        let mut rows = Vec::new();
        for attempt in self.attempts.by_number.values() {
            let kind = if attempt.identity.callback { UsageKind::Callback } else { UsageKind::Task };
            let state = attempt.ended.as_ref().map_or("running", |ended| &ended.state);
            for (row, kind) in [(&attempt.row, kind), (&attempt.orphan_row, UsageKind::Orphan)] {
                let Some(row) = row else { continue };
                let mut record = row.record(&self.writer, kind, until);
                name(&mut record, &attempt.identity);
                state.clone_into(&mut record.state);
                record.slots = u32::from(kind != UsageKind::Orphan);
                if attempt.is_linked {
                    record.quality = UsageQuality::Exact;
                }
                rows.push(record);
            }
        }
        rows.extend(self.window.records(&rows, &self.writer, self.allotment, now));
        rows.sort_by_key(|row| row.seq);
        rows
    }

    /// Ends the window and begins the next one. Answers the rows of the ended one, in the order of their numbers.
    pub fn close(&mut self, now: Now) -> Vec<UsageRecord> {
        let rows = self.rows(now);
        let timeline = self.window.timeline.next(now);
        self.window = Window::open(timeline, now, &mut self.seq);
        let running: Vec<u64> = self
            .attempts
            .by_number
            .iter_mut()
            .filter_map(|(number, attempt)| {
                (attempt.row, attempt.orphan_row) = (None, None);
                (!attempt.is_over()).then_some(*number)
            })
            .collect();
        for number in running {
            self.open_row(number, now);
        }
        rows
    }

    /// Processes that the next table must hold, wherever they hang now.
    pub fn follow(&self) -> Vec<ProcessId> {
        self.ledger.known.keys().copied().collect()
    }

    /// Main processes of workers, which the next table must hold too.
    pub fn workers(&self) -> Vec<u32> {
        self.ledger.workers()
    }

    /// Logs whose sizes (0 for those that are not there) the next table must hold.
    pub fn logs(&self) -> Vec<String> {
        let attempts = self.attempts.by_number.values().filter(|attempt| attempt.row.is_some());
        attempts.filter_map(|attempt| attempt.identity.log_path.clone()).collect()
    }
}
