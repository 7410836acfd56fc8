//! From quantities to money: a line per group, overhead, idle and waste, idle shared or not.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;
use std::sync::Arc;

use domain::usage::UsageKind;
use serde::Serialize;

use crate::rollup::is_attributed;
use crate::{Cell, Facts, Money, Prices, Quantities};

/// Who pays for idle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ShareIdle {
    /// Nobody: it is a line of its own.
    #[default]
    None,
    /// Who held slots in the same hour and pool, by slot-seconds.
    Slots,
    /// Who used something in the same hour and pool, by direct cost.
    Cost,
}

impl FromStr for ShareIdle {
    type Err = UnknownShare;

    fn from_str(text: &str) -> Result<Self, UnknownShare> {
        match text {
            "none" => Ok(Self::None),
            "slots" => Ok(Self::Slots),
            "cost" => Ok(Self::Cost),
            _ => Err(UnknownShare(text.to_owned())),
        }
    }
}

/// A text names no way to share idle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no way to share idle: expected none, slots or cost")]
pub struct UnknownShare(String);

/// One group: a DAG, a task, a run …
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// Its name, in one or two parts.
    pub group: Vec<String>,
    /// What its tasks, callbacks and orphans used; of a pool or worker, everything but the whole itself.
    pub used: Quantities,
    /// Tasks.
    pub tasks: Money,
    /// Callbacks.
    pub callbacks: Money,
    /// Orphans.
    pub orphans: Money,
    /// Overhead; of pools and workers only.
    pub overhead: Money,
    /// Idle: its share, or of a pool or worker its own.
    pub idle: Money,
    /// Unattributed; of pools and workers only.
    pub unattributed: Money,
    /// Of its tasks, attempts in vain.
    pub waste: Money,
}

impl Line {
    /// Tasks, callbacks and orphans.
    pub fn direct(&self) -> Money {
        self.tasks + self.callbacks + self.orphans
    }

    /// Everything.
    pub fn total(&self) -> Money {
        self.direct() + self.overhead + self.idle + self.unattributed
    }
}

/// All groups together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Tasks.
    pub tasks: Money,
    /// Callbacks.
    pub callbacks: Money,
    /// Orphans.
    pub orphans: Money,
    /// The workers' and agents' own processes.
    pub overhead: Money,
    /// Idle because slots were empty.
    pub idle_empty_slots: Money,
    /// Idle in slots that held a task.
    pub idle_busy_slots: Money,
    /// Measured, but nobody's.
    pub unattributed: Money,
    /// The workers as they were measured, not the sum of the others.
    pub workers: Money,
    /// Of the tasks, attempts in vain.
    pub waste: Money,
    /// Of idle, what lines carry.
    pub idle_shared: Money,
}

impl Totals {
    /// Idle of both kinds.
    pub fn idle(&self) -> Money {
        self.idle_empty_slots + self.idle_busy_slots
    }

    /// Tasks, callbacks and orphans.
    pub fn direct(&self) -> Money {
        self.tasks + self.callbacks + self.orphans
    }

    /// The parts that should be the workers.
    pub fn parts(&self) -> Money {
        self.direct() + self.overhead + self.idle() + self.unattributed
    }
}

/// What everything costs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allocation {
    /// Groups, dearest first.
    pub lines: Vec<Line>,
    /// All of it.
    pub totals: Totals,
}

/// Per stretch of time and pool: what idle is shared among, and what it is split by.
#[derive(Default)]
struct Place {
    idle: Quantities,
    worker: Quantities,
    busy_slot_ms: i128,
    /// Taken from the allotment before tasks: overhead, orphans, unattributed.
    taken: Quantities,
    /// Index of the line → weight.
    weights: BTreeMap<usize, u128>,
}

/// What everything costs, by group.
pub fn allocate(facts: &Facts, prices: &Prices, share: ShareIdle) -> Allocation {
    let mut places: BTreeMap<(u64, &str), Place> = BTreeMap::new();
    let mut totals = Totals::default();
    for cell in &facts.places {
        totals.add(cell, cost(cell, prices));
        places.entry((cell.at_ms, &cell.pool)).or_default().add(cell);
    }
    let mut lines = Lines::default();
    // Pools and workers have their own idle; sharing it again would count it twice.
    let mut own_idle = false;
    for cell in facts.groups.iter().filter(|cell| cell.kind != UsageKind::Worker) {
        let money = cost(cell, prices);
        let at = lines.index(&cell.group);
        lines.all[at].add(cell, money);
        own_idle |= cell.kind == UsageKind::Idle;
        if is_attributed(cell.kind) && share != ShareIdle::None {
            let weight = if share == ShareIdle::Cost {
                money.weight()
            } else {
                u128::try_from(cell.quantities.slot_ms).unwrap_or(0)
            };
            let place = places.entry((cell.at_ms, &cell.pool)).or_default();
            *place.weights.entry(at).or_default() += weight;
        }
    }
    for cell in &facts.waste {
        let at = lines.index(&cell.group);
        let money = cost(cell, prices);
        lines.all[at].waste += money;
        totals.waste += money;
    }
    let mut lines = lines.all;
    for ((at_ms, pool), place) in &places {
        let price = prices.at(*at_ms, pool);
        let empty = place.empty_slots();
        let busy = place.idle - empty;
        totals.idle_empty_slots += price.cost(empty.cpu_ns, empty.mem_byte_s);
        totals.idle_busy_slots += price.cost(busy.cpu_ns, busy.mem_byte_s);
        if !own_idle {
            let idle = price.cost(place.idle.cpu_ns, place.idle.mem_byte_s);
            totals.idle_shared += place.share(idle, &mut lines);
        }
    }
    lines.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.group.cmp(&b.group)));
    Allocation { lines, totals }
}

#[derive(Default)]
struct Lines {
    all: Vec<Line>,
    index: HashMap<Arc<[String]>, usize>,
}

impl Lines {
    fn index(&mut self, group: &Arc<[String]>) -> usize {
        if let Some(&at) = self.index.get(group) {
            return at;
        }
        self.all.push(Line { group: group.to_vec(), ..Line::default() });
        self.index.insert(Arc::clone(group), self.all.len() - 1);
        self.all.len() - 1
    }
}

impl Line {
    fn add(&mut self, cell: &Cell, money: Money) {
        self.used += cell.quantities;
        match cell.kind {
            UsageKind::Task => self.tasks += money,
            UsageKind::Callback => self.callbacks += money,
            UsageKind::Orphan => self.orphans += money,
            UsageKind::Overhead => self.overhead += money,
            UsageKind::Idle => self.idle += money,
            UsageKind::Unattributed => self.unattributed += money,
            UsageKind::Worker => {}
        }
    }
}

impl Totals {
    /// All kinds but idle, which is split before it gets a price.
    fn add(&mut self, cell: &Cell, money: Money) {
        match cell.kind {
            UsageKind::Task => self.tasks += money,
            UsageKind::Callback => self.callbacks += money,
            UsageKind::Orphan => self.orphans += money,
            UsageKind::Overhead => self.overhead += money,
            UsageKind::Unattributed => self.unattributed += money,
            UsageKind::Worker => self.workers += money,
            UsageKind::Idle => {}
        }
    }
}

fn cost(cell: &Cell, prices: &Prices) -> Money {
    prices.at(cell.at_ms, &cell.pool).cost(cell.quantities.cpu_ns, cell.quantities.mem_byte_s)
}

impl Place {
    fn add(&mut self, cell: &Cell) {
        match cell.kind {
            UsageKind::Task => self.busy_slot_ms += cell.quantities.slot_ms,
            UsageKind::Idle => self.idle += cell.quantities,
            UsageKind::Worker => self.worker += cell.quantities,
            UsageKind::Orphan | UsageKind::Overhead | UsageKind::Unattributed => {
                self.taken += cell.quantities;
            }
            UsageKind::Callback => {}
        }
    }

    /// The part of idle that empty slots had: their part of what is left for tasks, and not more than idle.
    fn empty_slots(&self) -> Quantities {
        let all = self.worker.slot_ms;
        if all <= 0 {
            return Quantities::default();
        }
        let empty = (all - self.busy_slot_ms).clamp(0, all);
        let part = |whole: i128, taken: i128, idle: i128| {
            ((whole - taken).max(0).saturating_mul(empty) / all).min(idle.max(0))
        };
        Quantities {
            cpu_ns: part(self.worker.cpu_ns, self.taken.cpu_ns, self.idle.cpu_ns),
            mem_byte_s: part(self.worker.mem_byte_s, self.taken.mem_byte_s, self.idle.mem_byte_s),
            ..Quantities::default()
        }
    }

    /// Gives `idle` to the lines by weight, all of it or (without weights) nothing; answers how much.
    fn share(&self, idle: Money, lines: &mut [Line]) -> Money {
        let whole: u128 = self.weights.values().sum();
        if whole == 0 {
            return Money::ZERO;
        }
        // Shares of running sums, so that nothing is lost to rounding.
        let (mut before, mut given) = (0, Money::ZERO);
        for (&at, &weight) in &self.weights {
            before += weight;
            let until_here = if before == whole { idle } else { idle.portion(before, whole) };
            lines[at].idle += until_here - given;
            given = until_here;
        }
        given
    }
}

#[cfg(test)]
mod tests;
