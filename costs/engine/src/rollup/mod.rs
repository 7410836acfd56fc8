//! Rows folded into quantities per hour and key: what a report needs, a thousandth of the rows.

mod keys;
mod plausible;

use std::collections::HashMap;

use domain::UsageRecord;
use domain::usage::UsageKind;

pub use keys::{AttemptKey, HourKey, RunKey, WorkerKey};
pub use plausible::RowError;

use crate::window::HOUR_MS;
use crate::{Name, Names, Outcome, Quantities};

/// CPU below this part of one core is inactivity: 1 %.
const ACTIVE_CPU_PARTS: u64 = 100;

/// What is known about one attempt (or its orphans, which are kept apart).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Worker, as Celery names it.
    pub worker: Name,
    /// Pool.
    pub pool: Name,
    /// Queue.
    pub queue: Name,
    /// Environment, [`Names::NONE`] for the base.
    pub env: Name,
    /// State of the last row.
    pub state: Name,
    /// Begin of the first row.
    pub first_ms: u64,
    /// End of the last row.
    pub last_ms: u64,
    /// End of the last row that showed CPU, IO or a longer log; 0: none did.
    pub active_ms: u64,
    /// Length of the last row's window.
    pub window_ms: u64,
    /// CPU of the last row.
    pub window_cpu_ns: u64,
    /// Memory-time of the last row.
    pub window_mem_byte_s: u64,
    /// What it used, hour by hour (Unix hours).
    pub hours: Vec<(u32, Quantities)>,
}

/// The last row of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastWindow {
    /// Pool.
    pub pool: Name,
    /// End of the row.
    pub last_ms: u64,
    /// Length of its window.
    pub window_ms: u64,
    /// CPU: allotted, or used when that is more.
    pub cpu_ns: u64,
    /// Memory-time likewise.
    pub mem_byte_s: u64,
    /// Slots.
    pub slots: u32,
}

/// Rows, folded. The order of rows does not matter.
#[derive(Debug, Clone, Default)]
pub struct Rollup {
    /// Texts of all keys.
    pub names: Names,
    /// By DAG, task, queue, pool, environment.
    pub hours: HashMap<HourKey, Quantities>,
    /// By worker: what the identity is checked on.
    pub workers: HashMap<WorkerKey, Quantities>,
    /// By run.
    pub runs: HashMap<RunKey, Quantities>,
    /// Attempts of tasks and callbacks, and their orphans.
    pub attempts: HashMap<AttemptKey, Attempt>,
    /// Each worker's last row.
    pub last_windows: HashMap<Name, LastWindow>,
    /// Rows added.
    pub rows: u64,
}

impl Rollup {
    /// Adds a row. Adding one twice counts it twice: see [`crate::Seqs`].
    pub fn add(&mut self, row: &UsageRecord) -> Result<(), RowError> {
        self.replace(None, row)
    }

    /// Adds a row in place of an earlier version of it, which was added before (here or to what this is merged into).
    pub fn replace(&mut self, earlier: Option<&UsageRecord>, row: &UsageRecord) -> Result<(), RowError> {
        plausible::check(row)?;
        if let Some(earlier) = earlier {
            // At the keys of the earlier version: its environment may have become known since.
            self.sum(earlier, -of(earlier));
        }
        self.sum(row, of(row));
        self.rows += 1;
        self.note_last(row);
        Ok(())
    }

    fn sum(&mut self, row: &UsageRecord, quantities: Quantities) {
        let names = &mut self.names;
        let hour = u32::try_from(row.window_start / HOUR_MS).unwrap_or(u32::MAX);
        let (kind, pool) = (row.kind, names.of(&row.pool));
        let (dag, task, run) = if is_attributed(kind) {
            (names.of(&row.dag_id), names.of(&row.task_id), names.of(&row.run_id))
        } else {
            (Names::NONE, Names::NONE, Names::NONE)
        };
        let queue = names.of(&row.queue);
        let env = row.env_id.map_or(Names::NONE, |id| names.of(&id.to_string()));
        let worker = names.of(&row.worker);
        *self.hours.entry(HourKey { hour, kind, pool, queue, dag, task, env }).or_default() += quantities;
        *self.workers.entry(WorkerKey { hour, kind, pool, worker }).or_default() += quantities;
        if is_attributed(kind) {
            *self.runs.entry(RunKey { hour, kind, pool, dag, run }).or_default() += quantities;
            let state = names.of(&row.state);
            let key =
                AttemptKey { kind, dag, task, run, map_index: row.map_index, try_number: row.try_number };
            let attempt = self.attempts.entry(key).or_insert_with(|| Attempt::new(row.window_start));
            attempt.add(hour, quantities, row);
            if row.window_end >= attempt.last_ms {
                attempt.last(row, [worker, pool, queue, env, state]);
            }
        }
    }

    fn note_last(&mut self, row: &UsageRecord) {
        if row.kind != UsageKind::Worker {
            return;
        }
        let last = LastWindow {
            pool: self.names.of(&row.pool),
            last_ms: row.window_end,
            window_ms: row.window_end - row.window_start,
            cpu_ns: row.cpu_user_ns.saturating_add(row.cpu_system_ns),
            mem_byte_s: row.mem_byte_s,
            slots: row.slots,
        };
        let worker = self.names.of(&row.worker);
        let known = self.last_windows.entry(worker).or_insert_with(|| last.clone());
        if last.last_ms >= known.last_ms {
            *known = last;
        }
    }
}

impl Attempt {
    fn new(first_ms: u64) -> Self {
        Self {
            worker: Names::NONE,
            pool: Names::NONE,
            queue: Names::NONE,
            env: Names::NONE,
            state: Names::NONE,
            first_ms,
            last_ms: 0,
            active_ms: 0,
            window_ms: 0,
            window_cpu_ns: 0,
            window_mem_byte_s: 0,
            hours: Vec::new(),
        }
    }

    fn add(&mut self, hour: u32, quantities: Quantities, row: &UsageRecord) {
        match self.hours.iter_mut().find(|(known, _)| *known == hour) {
            Some((_, sum)) => *sum += quantities,
            None => self.hours.push((hour, quantities)),
        }
        self.first_ms = self.first_ms.min(row.window_start);
        if is_active(row) {
            self.active_ms = self.active_ms.max(row.window_end);
        }
    }

    fn last(&mut self, row: &UsageRecord, [worker, pool, queue, env, state]: [Name; 5]) {
        self.last_ms = row.window_end;
        self.window_ms = row.window_end - row.window_start;
        self.window_cpu_ns = row.cpu_user_ns.saturating_add(row.cpu_system_ns);
        self.window_mem_byte_s = row.mem_byte_s;
        (self.worker, self.pool, self.queue, self.env, self.state) = (worker, pool, queue, env, state);
    }

    /// All that it used.
    pub fn total(&self) -> Quantities {
        self.hours.iter().fold(Quantities::default(), |sum, (_, quantities)| sum + *quantities)
    }
}

/// Kinds that belong to a DAG.
pub fn is_attributed(kind: UsageKind) -> bool {
    matches!(kind, UsageKind::Task | UsageKind::Callback | UsageKind::Orphan)
}

fn is_active(row: &UsageRecord) -> bool {
    let cpu_ns = row.cpu_user_ns.saturating_add(row.cpu_system_ns);
    let window_ns = (row.window_end - row.window_start).saturating_mul(1_000_000);
    cpu_ns >= window_ns / ACTIVE_CPU_PARTS
        || row.io_read_bytes > 0
        || row.io_write_bytes > 0
        || row.log_bytes > 0
}

/// A row's quantities.
pub fn of(row: &UsageRecord) -> Quantities {
    let outcome = if row.kind == UsageKind::Task { Outcome::of(&row.state) } else { Outcome::Running };
    Quantities {
        cpu_ns: i128::from(row.cpu_user_ns) + i128::from(row.cpu_system_ns),
        mem_byte_s: i128::from(row.mem_byte_s),
        slot_ms: i128::from(row.window_end.saturating_sub(row.window_start)) * i128::from(row.slots),
        io_bytes: i128::from(row.io_read_bytes) + i128::from(row.io_write_bytes),
        log_bytes: i128::from(row.log_bytes),
        ended: i128::from(outcome != Outcome::Running),
        wasted: i128::from(outcome == Outcome::Wasted),
    }
}
