//! Usage as a day of a middle-sized Airflow leaves it, from a seed: the same seed gives the same rows.
//!
//! A fleet of workers in pools, slots filled along a day's curve, DAGs of teams with tasks of different hunger, attempts
//! that fail, are retried and get lost, orphans, and tasks that do nothing. Each minute adds up by construction.

use std::collections::BTreeMap;

use domain::UsageRecord;
use domain::usage::{SCHEMA, UsageKind, UsageQuality};

const MINUTE_MS: u64 = 60_000;
const CORES: u64 = 4;
const MEMORY_BYTES: u64 = 16 << 30;
const TEAMS: [&str; 6] = ["sales", "finance", "marketing", "risk", "logistics", "ml"];
const NOUNS: [&str; 8] =
    ["orders", "ledger", "events", "features", "invoices", "sessions", "stock", "scores"];
const STEPS: [&str; 8] =
    ["extract", "load", "validate", "transform", "aggregate", "train", "export", "notify"];

/// How much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    /// Workers.
    pub(crate) workers: u64,
    /// Slots of each.
    pub(crate) slots: u64,
    /// Minutes.
    pub(crate) minutes: u64,
    /// Begin, Unix milliseconds, a full minute.
    pub(crate) from_ms: u64,
    /// Minutes in one file; agents write one a minute.
    pub(crate) minutes_per_file: u64,
    /// Seed.
    pub(crate) seed: u64,
}

impl Shape {
    /// A day of a million rows in files of an hour, ending at `to_ms`.
    pub(crate) fn million(to_ms: u64) -> Self {
        let minutes = 24 * 60;
        let from_ms = to_ms / MINUTE_MS * MINUTE_MS - minutes * MINUTE_MS;
        Self { workers: 80, slots: 8, minutes, from_ms, minutes_per_file: 60, seed: 7 }
    }

    /// The same day with a tenth of the workers, in files of ten minutes.
    pub(crate) fn tenth(to_ms: u64) -> Self {
        Self { workers: 8, minutes_per_file: 10, ..Self::million(to_ms) }
    }
}

/// xorshift64*: small, seeded, good enough for shapes.
struct Dice(u64);

impl Dice {
    fn next(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % below.max(1)
    }

    /// Small numbers are likelier.
    fn skewed(&mut self, below: u64) -> u64 {
        self.next(below) * self.next(below) / below.max(1)
    }
}

struct Attempt {
    dag: u64,
    task: u64,
    run_ms: u64,
    map_index: i64,
    try_number: u32,
    minutes_left: u64,
    cpu_permille: u64,
    memory_bytes: u64,
    end: &'static str,
}

struct Worker {
    name: String,
    pool: &'static str,
    writer: String,
    seq: u64,
    slots: Vec<Option<Attempt>>,
    /// Orphan of an attempt, with minutes left.
    orphan: Option<Attempt>,
}

/// Rows hour by hour and worker by worker, as agents write files; calls `file(hour, rows)` for each.
pub(crate) fn generate(shape: Shape, mut file: impl FnMut(u64, Vec<UsageRecord>)) {
    let mut dice = Dice(shape.seed | 1);
    let mut workers: Vec<Worker> = (0..shape.workers).map(|at| worker(at, shape)).collect();
    let mut files: BTreeMap<usize, Vec<UsageRecord>> = BTreeMap::new();
    for minute in 0..shape.minutes {
        let at_ms = shape.from_ms + minute * MINUTE_MS;
        for (at, worker) in workers.iter_mut().enumerate() {
            files.entry(at).or_default().extend(worker.minute(at_ms, &mut dice));
        }
        if (at_ms / MINUTE_MS + 1) % shape.minutes_per_file == 0 || minute + 1 == shape.minutes {
            for rows in std::mem::take(&mut files).into_values() {
                file(at_ms / 3_600_000, rows);
            }
        }
    }
}

fn worker(at: u64, shape: Shape) -> Worker {
    let pool = ["default", "default", "default", "heavy", "reports"][usize::try_from(at % 5).unwrap_or(0)];
    let name = format!("celery@{pool}-{at}");
    Worker {
        writer: format!("{pool}-{at}-{}", shape.from_ms),
        name,
        pool,
        seq: 0,
        slots: (0..shape.slots).map(|_| None).collect(),
        orphan: None,
    }
}

/// Busy slots in percent: quiet at night, a peak after midnight UTC and one at noon.
fn load_percent(at_ms: u64) -> u64 {
    let hour = at_ms / 3_600_000 % 24;
    [95, 98, 96, 90, 80, 62, 50, 48, 55, 66, 74, 82, 90, 86, 78, 70, 64, 60, 56, 54, 58, 66, 76, 88]
        [usize::try_from(hour).unwrap_or(0)]
}

impl Worker {
    fn minute(&mut self, at_ms: u64, dice: &mut Dice) -> Vec<UsageRecord> {
        let mut rows = Vec::new();
        for slot in 0..self.slots.len() {
            if self.slots[slot].is_none() && dice.next(100) < load_percent(at_ms) {
                self.slots[slot] = Some(attempt(at_ms, dice));
            }
            let Some(mut running) = self.slots[slot].take() else { continue };
            let last = running.minutes_left == 0;
            let length_ms = if last { 1_000 + dice.next(MINUTE_MS - 1_000) } else { MINUTE_MS };
            rows.push(self.task(&running, at_ms, length_ms, last, dice));
            if last {
                // One attempt in five hundred leaves a process behind.
                if self.orphan.is_none() && dice.next(500) == 0 {
                    running.minutes_left = 20 + dice.next(200);
                    self.orphan = Some(running);
                }
            } else {
                running.minutes_left -= 1;
                self.slots[slot] = Some(running);
            }
        }
        if let Some(mut orphan) = self.orphan.take() {
            rows.push(self.orphan_row(&orphan, at_ms));
            if orphan.minutes_left > 0 {
                orphan.minutes_left -= 1;
                self.orphan = Some(orphan);
            }
        }
        let overhead = (400_000_000 + dice.next(900_000_000), (900 << 20) * 60);
        rows.push(self.plain(UsageKind::Overhead, at_ms, overhead));
        let unattributed = (dice.next(2_000_000), dice.next(60 << 20));
        rows.push(self.plain(UsageKind::Unattributed, at_ms, unattributed));
        let cpu: u64 = rows.iter().map(|row| row.cpu_user_ns + row.cpu_system_ns).sum();
        let memory: u64 = rows.iter().map(|row| row.mem_byte_s).sum();
        let whole = ((CORES * 60_000_000_000).max(cpu), (MEMORY_BYTES * 60).max(memory));
        rows.push(self.plain(UsageKind::Idle, at_ms, (whole.0 - cpu, whole.1 - memory)));
        let slots = u32::try_from(self.slots.len()).unwrap_or(0);
        rows.push(UsageRecord { slots, ..self.plain(UsageKind::Worker, at_ms, whole) });
        rows
    }

    fn task(&mut self, of: &Attempt, at_ms: u64, length_ms: u64, last: bool, dice: &mut Dice) -> UsageRecord {
        let cpu_ns = length_ms * 1_000 * of.cpu_permille;
        let idle = of.cpu_permille == 0;
        UsageRecord {
            window_end: at_ms + length_ms,
            state: if last { of.end.to_owned() } else { "running".to_owned() },
            cpu_user_ns: cpu_ns / 5 * 4,
            cpu_system_ns: cpu_ns / 5,
            mem_byte_s: of.memory_bytes / 1_000 * length_ms,
            mem_peak_bytes: of.memory_bytes,
            log_bytes: if idle { 0 } else { dice.next(4_000) },
            io_write_bytes: if idle { 0 } else { dice.next(1 << 20) },
            slots: 1,
            processes_peak: 2,
            ..self.attributed(UsageKind::Task, of, at_ms)
        }
    }

    fn orphan_row(&mut self, of: &Attempt, at_ms: u64) -> UsageRecord {
        let cpu_user_ns = 60_000 * 1_000 * (of.cpu_permille / 2);
        let mem_byte_s = of.memory_bytes / 4 * 60;
        let state = of.end.to_owned();
        UsageRecord { cpu_user_ns, mem_byte_s, state, ..self.attributed(UsageKind::Orphan, of, at_ms) }
    }

    fn attributed(&mut self, kind: UsageKind, of: &Attempt, at_ms: u64) -> UsageRecord {
        let team = TEAMS[usize::try_from(of.dag % 6).unwrap_or(0)];
        let noun = NOUNS[usize::try_from(of.dag / 6 % 8).unwrap_or(0)];
        let step = STEPS[usize::try_from(of.task % 8).unwrap_or(0)];
        let run = costs_engine::window::minute_text(of.run_ms).replace(' ', "T");
        UsageRecord {
            dag_id: format!("{team}_{noun}_{}", of.dag / 48),
            task_id: if of.task < 8 { step.to_owned() } else { format!("{step}_{}", of.task / 8) },
            run_id: format!("scheduled__{run}:00+00:00"),
            map_index: of.map_index,
            try_number: of.try_number,
            ti_id: format!("{:032x}", u128::from(of.run_ms) << 32 | u128::from(of.dag * 64 + of.task)),
            queue: self.pool.to_owned(),
            ..self.plain(kind, at_ms, (0, 0))
        }
    }

    fn plain(&mut self, kind: UsageKind, at_ms: u64, (cpu_ns, mem_byte_s): (u64, u64)) -> UsageRecord {
        self.seq += 1;
        UsageRecord {
            schema: SCHEMA,
            writer: self.writer.clone(),
            seq: self.seq,
            window_start: at_ms,
            window_end: at_ms + MINUTE_MS,
            cluster: "local".into(),
            node: "node-1".into(),
            pod: self.name.replace("celery@", ""),
            worker: self.name.clone(),
            pool: self.pool.to_owned(),
            queue: String::new(),
            airflow: "3.3.2".into(),
            dag_id: String::new(),
            task_id: String::new(),
            run_id: String::new(),
            map_index: -1,
            try_number: 0,
            ti_id: String::new(),
            operator: None,
            env_id: None,
            state: String::new(),
            cpu_user_ns: cpu_ns,
            cpu_system_ns: 0,
            mem_byte_s,
            mem_peak_bytes: 0,
            io_read_bytes: 0,
            io_write_bytes: 0,
            gpu_ns: None,
            gpu_mem_byte_s: None,
            processes_peak: 0,
            slots: 0,
            log_bytes: 0,
            kind,
            quality: UsageQuality::Exact,
        }
    }
}

fn attempt(at_ms: u64, dice: &mut Dice) -> Attempt {
    let dag = dice.skewed(120);
    // A DAG's tasks are always alike: shape by id, size by chance.
    let task = dice.next(3 + dag % 14);
    let hunger = (dag * 31 + task * 17) % 100;
    let stuck = dice.next(4_000) == 0;
    let end = match dice.next(1_000) {
        0..=919 => "success",
        920..=959 => "up_for_retry",
        960..=984 => "failed",
        985..=991 => "lost",
        _ => "skipped",
    };
    Attempt {
        dag,
        task,
        run_ms: at_ms / 3_600_000 * 3_600_000,
        map_index: if dag % 9 == 0 { i64::try_from(dice.next(12)).unwrap_or(0) } else { -1 },
        try_number: if dice.next(20) == 0 { 2 } else { 1 },
        minutes_left: if stuck { 90 } else { dice.skewed(2 + hunger / 6) },
        cpu_permille: if stuck { 0 } else { 60 + hunger * 3 },
        memory_bytes: (120 + hunger * 12 + dice.next(80)) << 20,
        end,
    }
}
