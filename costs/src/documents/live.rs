//! Documents of what is now.

use costs_engine::Money;
use costs_engine::series::Point;
use costs_engine::zombies::{Zombie, ZombieKind};
use schemars::JsonSchema;
use serde::Serialize;

use super::{DECIMALS, SCHEMA, TotalsDocument};

/// What runs now, and what today and this month cost.
#[derive(Debug, Clone, Default)]
pub struct Now {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Running attempts that were heard of lately.
    pub running: u64,
    /// What they cost in an hour, by their last minute.
    pub running_per_hour: Money,
    /// Workers that were heard of lately.
    pub workers: u64,
    /// Slots of these.
    pub slots: u64,
    /// What the workers cost in an hour.
    pub workers_per_hour: Money,
    /// Since midnight UTC, workers with all their parts.
    pub today: Money,
    /// Since the first of the month.
    pub month: Money,
    /// The month to its end, at the pace of the last 24 hours.
    pub month_projected: Money,
}

/// What runs now, and what today and this month cost.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct NowDocument {
    /// Version of this document.
    pub schema: u32,
    /// Currency of all amounts.
    pub currency: String,
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Running attempts.
    pub running: u64,
    /// What they cost in an hour.
    pub running_per_hour: String,
    /// Workers.
    pub workers: u64,
    /// Slots of these.
    pub slots: u64,
    /// What the workers cost in an hour.
    pub workers_per_hour: String,
    /// Since midnight UTC.
    pub today: String,
    /// Since the first of the month, UTC.
    pub month: String,
    /// The month to its end, at the pace of the last 24 hours.
    pub month_projected: String,
}

impl NowDocument {
    /// The document.
    pub fn new(currency: String, now: &Now) -> Self {
        let text = |money: Money| money.to_decimal(DECIMALS);
        Self {
            schema: SCHEMA,
            currency,
            now_ms: now.now_ms,
            running: now.running,
            running_per_hour: text(now.running_per_hour),
            workers: now.workers,
            slots: now.slots,
            workers_per_hour: text(now.workers_per_hour),
            today: text(now.today),
            month: text(now.month),
            month_projected: text(now.month_projected),
        }
    }
}

/// Cost over time.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct SeriesDocument {
    /// Version of this document.
    pub schema: u32,
    /// Currency of all amounts.
    pub currency: String,
    /// Length of a step, milliseconds.
    pub step_ms: u64,
    /// Steps, ascending, empty ones too.
    pub points: Vec<PointDocument>,
}

/// One step.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct PointDocument {
    /// Begin, Unix milliseconds.
    pub at_ms: u64,
    /// What it cost.
    pub totals: TotalsDocument,
}

impl SeriesDocument {
    /// The document.
    pub fn new(currency: String, step_ms: u64, points: &[Point]) -> Self {
        let point =
            |point: &Point| PointDocument { at_ms: point.at_ms, totals: TotalsDocument::new(&point.totals) };
        Self { schema: SCHEMA, currency, step_ms, points: points.iter().map(point).collect() }
    }
}

/// Orphans and stuck tasks, dearest per hour first.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ZombiesDocument {
    /// Version of this document.
    pub schema: u32,
    /// Currency of all amounts.
    pub currency: String,
    /// Zombies.
    pub zombies: Vec<ZombieDocument>,
}

/// One zombie.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ZombieDocument {
    /// `orphan`: processes of a finished attempt; `stuck`: a running task without CPU, IO and log.
    pub kind: &'static str,
    /// DAG.
    pub dag_id: String,
    /// Task.
    pub task_id: String,
    /// Run.
    pub run_id: String,
    /// Map index, -1 for none.
    pub map_index: i64,
    /// Attempt, from 1.
    pub try_number: u32,
    /// Worker.
    pub worker: String,
    /// Since when it is one, Unix milliseconds.
    pub since_ms: u64,
    /// End of its last row, Unix milliseconds.
    pub last_ms: u64,
    /// What it cost since then; of a stuck task, the slot that it holds.
    pub cost: String,
    /// What it costs in an hour.
    pub cost_per_hour: String,
}

impl ZombiesDocument {
    /// The document.
    pub fn new(currency: String, zombies: &[Zombie]) -> Self {
        let zombie = |zombie: &Zombie| {
            let [dag_id, task_id, run_id] = zombie.suspect.ids.clone();
            ZombieDocument {
                kind: match zombie.kind {
                    ZombieKind::Orphan => "orphan",
                    ZombieKind::Stuck => "stuck",
                },
                dag_id,
                task_id,
                run_id,
                map_index: zombie.suspect.map_index,
                try_number: zombie.suspect.try_number,
                worker: zombie.suspect.worker.clone(),
                since_ms: zombie.since_ms,
                last_ms: zombie.suspect.last_ms,
                cost: zombie.so_far.to_decimal(DECIMALS),
                cost_per_hour: zombie.per_hour.to_decimal(DECIMALS),
            }
        };
        Self { schema: SCHEMA, currency, zombies: zombies.iter().map(zombie).collect() }
    }
}
