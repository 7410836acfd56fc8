//! What costs money and nobody asks for: orphans, and tasks that do nothing.

use domain::usage::UsageKind;

use crate::rollup::LastWindow;
use crate::{Money, Price, Prices, Quantities};

/// When something counts as a zombie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A task without CPU, IO and log for so long is stuck.
    pub stuck_after_ms: u64,
    /// What was not heard of for so long is gone: an attempt's rows come every ten seconds live, else every minute.
    pub fresh_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { stuck_after_ms: 10 * 60_000, fresh_ms: 3 * 60_000 }
    }
}

/// An attempt as its rows show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspect {
    /// Task, callback or orphan.
    pub kind: UsageKind,
    /// DAG, task, run.
    pub ids: [String; 3],
    /// Map index, -1 for none.
    pub map_index: i64,
    /// Attempt, from 1.
    pub try_number: u32,
    /// Worker.
    pub worker: String,
    /// Pool.
    pub pool: String,
    /// Last known state.
    pub state: String,
    /// Begin of its first row, Unix milliseconds.
    pub first_ms: u64,
    /// End of its last row.
    pub last_ms: u64,
    /// End of its last row with CPU, IO or log; 0: none.
    pub active_ms: u64,
    /// Length of its last row.
    pub window_ms: u64,
    /// What its last row used.
    pub window: Quantities,
    /// What all its rows used.
    pub total: Quantities,
    /// Its worker's last row, when known: what a slot costs.
    pub last_window: Option<LastWindow>,
}

/// Which kind of zombie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ZombieKind {
    /// Processes of a finished attempt, still alive.
    Orphan,
    /// A running task without CPU, IO and log.
    Stuck,
}

/// One zombie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zombie {
    /// Which kind.
    pub kind: ZombieKind,
    /// What its rows show.
    pub suspect: Suspect,
    /// Since when it is one, Unix milliseconds.
    pub since_ms: u64,
    /// What it cost: an orphan since it is one, a stuck task with the slot it held since then.
    pub so_far: Money,
    /// What it costs now.
    pub per_hour: Money,
}

impl LastWindow {
    /// What one of the worker's slots costs in an hour; nothing for a worker without slots.
    pub fn slot_per_hour(&self, price: Price) -> Money {
        let whole = price.cost(i128::from(self.cpu_ns), i128::from(self.mem_byte_s)).per_hour(self.window_ms);
        whole.portion(1, u128::from(self.slots))
    }
}

/// The zombies among `suspects` at `now_ms`, dearest per hour first.
pub fn find(suspects: Vec<Suspect>, prices: &Prices, limits: Limits, now_ms: u64) -> Vec<Zombie> {
    let mut zombies: Vec<Zombie> =
        suspects.into_iter().filter_map(|suspect| judge(suspect, prices, limits, now_ms)).collect();
    zombies.sort_by(|a, b| {
        b.per_hour
            .cmp(&a.per_hour)
            .then_with(|| b.so_far.cmp(&a.so_far))
            .then_with(|| a.suspect.ids.cmp(&b.suspect.ids))
    });
    zombies
}

fn judge(suspect: Suspect, prices: &Prices, limits: Limits, now_ms: u64) -> Option<Zombie> {
    if suspect.last_ms.saturating_add(limits.fresh_ms) < now_ms {
        return None;
    }
    let price = prices.at(suspect.last_ms, &suspect.pool);
    let rate = price.cost(suspect.window.cpu_ns, suspect.window.mem_byte_s).per_hour(suspect.window_ms);
    match suspect.kind {
        UsageKind::Orphan => Some(Zombie {
            kind: ZombieKind::Orphan,
            since_ms: suspect.first_ms,
            so_far: price.cost(suspect.total.cpu_ns, suspect.total.mem_byte_s),
            per_hour: rate,
            suspect,
        }),
        UsageKind::Task if suspect.state == "running" => {
            let since_ms = suspect.active_ms.max(suspect.first_ms);
            if suspect.last_ms.saturating_sub(since_ms) < limits.stuck_after_ms {
                return None;
            }
            // It uses next to nothing; what it costs is the slot that it holds.
            let slot = suspect.last_window.as_ref().map_or(Money::ZERO, |last| last.slot_per_hour(price));
            let per_hour = rate.max(slot);
            let so_far = per_hour.portion(u128::from(suspect.last_ms - since_ms), 3_600_000);
            Some(Zombie { kind: ZombieKind::Stuck, suspect, since_ms, so_far, per_hour })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
