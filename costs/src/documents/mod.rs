//! JSON documents of report and API. Money is decimal text with nine decimals, so that no reader loses a digit.

pub mod live;

use costs_engine::identity::{Balance, Identity};
use costs_engine::money::{decimal, shown};
use costs_engine::{Allocation, By, IDENTITY_LIMIT_PPM, Money, ShareIdle, Window};
use schemars::JsonSchema;
use serde::Serialize;

use crate::usage::Found;

/// Version of the documents.
pub const SCHEMA: u32 = 1;
/// Decimals of money.
const DECIMALS: u32 = 9;

/// Usage and cost of a window by something.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Costs {
    /// Version of this document.
    pub schema: u32,
    /// Window that was asked for.
    pub window: WindowDocument,
    /// What lines are grouped by.
    pub by: &'static str,
    /// Who pays for idle.
    pub share_idle: &'static str,
    /// Currency of all amounts.
    pub currency: String,
    /// Groups, dearest first.
    pub lines: Vec<LineDocument>,
    /// All groups together; with `--top`, of all and not only of those shown.
    pub totals: TotalsDocument,
    /// Does it add up?
    pub identity: IdentityDocument,
    /// Where it comes from.
    pub read: ReadDocument,
}

/// A stretch of time, Unix milliseconds; the end is not in it.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct WindowDocument {
    /// Begin.
    pub from_ms: u64,
    /// End.
    pub to_ms: u64,
}

/// One group.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LineDocument {
    /// Its name, in the parts that `by` says: `[dag_id]`, `[dag_id, task_id]`, `[dag_id, run_id]`, ….
    pub group: Vec<String>,
    /// CPU in nanoseconds.
    #[schemars(with = "i64")]
    pub cpu_ns: i128,
    /// Memory over time in byte-seconds.
    #[schemars(with = "i64")]
    pub mem_byte_s: i128,
    /// Slots over time in slot-milliseconds.
    #[schemars(with = "i64")]
    pub slot_ms: i128,
    /// Attempts that ended in the window.
    #[schemars(with = "i64")]
    pub attempts: i128,
    /// Of these, attempts in vain.
    #[schemars(with = "i64")]
    pub attempts_wasted: i128,
    /// Cost of tasks.
    pub tasks: String,
    /// Cost of callbacks.
    pub callbacks: String,
    /// Cost of what finished attempts left running.
    pub orphans: String,
    /// Cost of overhead; of pools and workers only.
    pub overhead: String,
    /// Cost of idle: its share, or of a pool or worker its own.
    pub idle: String,
    /// Cost of what is measured and nobody's; of pools and workers only.
    pub unattributed: String,
    /// All of these.
    pub total: String,
    /// Of `tasks`, attempts in vain.
    pub waste: String,
}

/// All groups together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct TotalsDocument {
    /// Tasks.
    pub tasks: String,
    /// Callbacks.
    pub callbacks: String,
    /// Orphans.
    pub orphans: String,
    /// Overhead.
    pub overhead: String,
    /// Idle because slots were empty.
    pub idle_empty_slots: String,
    /// Idle in slots that held a task.
    pub idle_busy_slots: String,
    /// Measured, but nobody's.
    pub unattributed: String,
    /// The sum of the above.
    pub parts: String,
    /// The workers as they were measured.
    pub workers: String,
    /// Of tasks, attempts in vain.
    pub waste: String,
    /// Of idle, what lines carry.
    pub idle_shared: String,
}

/// Does it add up: `worker = task + callback + orphan + overhead + idle + unattributed`?
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct IdentityDocument {
    /// Whether every worker is within the limit.
    pub holds: bool,
    /// The limit in parts per million.
    pub limit_ppm: u64,
    /// The greatest error of any worker, in parts per million.
    pub worst_error_ppm: u64,
    /// CPU of all workers.
    pub cpu_ns: BalanceDocument,
    /// Memory of all workers.
    pub mem_byte_s: BalanceDocument,
    /// Workers, greatest error first.
    pub workers: Vec<WorkerDocument>,
}

/// One worker's balance.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct WorkerDocument {
    /// Its name.
    pub worker: String,
    /// CPU.
    pub cpu_ns: BalanceDocument,
    /// Memory.
    pub mem_byte_s: BalanceDocument,
}

/// A whole and its parts.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct BalanceDocument {
    /// As measured.
    #[schemars(with = "i64")]
    pub whole: i128,
    /// The sum of the parts.
    #[schemars(with = "i64")]
    pub parts: i128,
    /// Of the parts, what is nobody's.
    #[schemars(with = "i64")]
    pub unattributed: i128,
    /// Difference in parts per million of the whole.
    pub error_ppm: u64,
    /// Unattributed in parts per million of the whole.
    pub unattributed_ppm: u64,
}

/// What was read.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
pub struct ReadDocument {
    /// Files.
    pub files: u64,
    /// Rows in the window.
    pub rows: u64,
    /// Rows that are missing: gaps in the numbers of a writer.
    pub rows_missing: u64,
    /// Rows that came more than once and were counted once.
    pub rows_repeated: u64,
}

/// What a [`Costs`] document is made of.
pub struct Content<'a> {
    /// Window.
    pub window: Window,
    /// Groups.
    pub by: By,
    /// Who pays for idle.
    pub share: ShareIdle,
    /// Currency.
    pub currency: &'a str,
    /// Money.
    pub allocation: &'a Allocation,
    /// Identity.
    pub identity: &'a Identity,
    /// What was read.
    pub found: Found,
    /// Only so many lines.
    pub top: Option<usize>,
}

impl Costs {
    /// The document.
    pub fn new(content: &Content<'_>) -> Self {
        let totals = &content.allocation.totals;
        let window = content.window;
        Self {
            schema: SCHEMA,
            window: WindowDocument { from_ms: window.from_ms, to_ms: window.to_ms },
            by: content.by.as_str(),
            share_idle: share_name(content.share),
            currency: content.currency.to_owned(),
            lines: lines(content.allocation, content.top),
            totals: TotalsDocument::new(totals),
            identity: IdentityDocument::new(content.identity),
            read: content.found.into(),
        }
    }
}

/// As on the command line.
pub fn share_name(share: ShareIdle) -> &'static str {
    match share {
        ShareIdle::None => "none",
        ShareIdle::Slots => "slots",
        ShareIdle::Cost => "cost",
    }
}

fn lines(allocation: &Allocation, top: Option<usize>) -> Vec<LineDocument> {
    let all = &allocation.lines;
    // Each column is rounded so that it adds up.
    let column = |of: fn(&costs_engine::allocation::Line) -> Money| {
        let amounts: Vec<Money> = all.iter().map(of).collect();
        shown(&amounts, DECIMALS).into_iter().map(|units| decimal(units, DECIMALS))
    };
    let mut columns = [
        column(|line| line.tasks),
        column(|line| line.callbacks),
        column(|line| line.orphans),
        column(|line| line.overhead),
        column(|line| line.idle),
        column(|line| line.unattributed),
        column(costs_engine::allocation::Line::total),
        column(|line| line.waste),
    ];
    let mut next = |at: usize| columns[at].next().unwrap_or_default();
    let document = |line: &costs_engine::allocation::Line| LineDocument {
        group: line.group.clone(),
        cpu_ns: line.used.cpu_ns,
        mem_byte_s: line.used.mem_byte_s,
        slot_ms: line.used.slot_ms,
        attempts: line.used.ended,
        attempts_wasted: line.used.wasted,
        tasks: next(0),
        callbacks: next(1),
        orphans: next(2),
        overhead: next(3),
        idle: next(4),
        unattributed: next(5),
        total: next(6),
        waste: next(7),
    };
    all.iter().map(document).take(top.unwrap_or(usize::MAX)).collect()
}

impl TotalsDocument {
    /// The document of totals.
    pub fn new(totals: &costs_engine::allocation::Totals) -> Self {
        let parts = [
            totals.tasks,
            totals.callbacks,
            totals.orphans,
            totals.overhead,
            totals.idle_empty_slots,
            totals.idle_busy_slots,
            totals.unattributed,
        ];
        let text = |money: Money| money.to_decimal(DECIMALS);
        let shown = shown(&parts, DECIMALS);
        let part = |at: usize| decimal(shown[at], DECIMALS);
        Self {
            tasks: part(0),
            callbacks: part(1),
            orphans: part(2),
            overhead: part(3),
            idle_empty_slots: part(4),
            idle_busy_slots: part(5),
            unattributed: part(6),
            parts: text(totals.parts()),
            workers: text(totals.workers),
            waste: text(totals.waste),
            idle_shared: text(totals.idle_shared),
        }
    }
}

impl IdentityDocument {
    /// The document of an identity.
    pub fn new(identity: &Identity) -> Self {
        let worker = |worker: &costs_engine::identity::WorkerBalance| WorkerDocument {
            worker: worker.worker.clone(),
            cpu_ns: worker.cpu.into(),
            mem_byte_s: worker.memory.into(),
        };
        Self {
            holds: identity.holds(),
            limit_ppm: IDENTITY_LIMIT_PPM,
            worst_error_ppm: identity.worst_ppm(),
            cpu_ns: identity.cpu.into(),
            mem_byte_s: identity.memory.into(),
            workers: identity.workers.iter().map(worker).collect(),
        }
    }
}

impl From<Balance> for BalanceDocument {
    fn from(balance: Balance) -> Self {
        Self {
            whole: balance.whole,
            parts: balance.parts,
            unattributed: balance.unattributed,
            error_ppm: balance.error_ppm(),
            unattributed_ppm: balance.unattributed_ppm(),
        }
    }
}

impl From<Found> for ReadDocument {
    fn from(found: Found) -> Self {
        Self {
            files: found.files,
            rows: found.rows,
            rows_missing: found.missing,
            rows_repeated: found.repeated,
        }
    }
}
