//! Cost over time.

use std::collections::BTreeMap;

use crate::allocation::{Totals, allocate};
use crate::{Cell, Facts, Prices, ShareIdle, Window};

/// One step of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// Begin, Unix milliseconds.
    pub at_ms: u64,
    /// What it cost.
    pub totals: Totals,
}

/// Costs in steps of `step_ms`, one point a step, empty ones too. `places` and `waste` are hourly cells.
pub fn series(places: &[Cell], waste: &[Cell], prices: &Prices, window: Window, step_ms: u64) -> Vec<Point> {
    let step_ms = step_ms.max(1);
    let step_of = |at_ms: u64| at_ms / step_ms * step_ms;
    let mut steps: BTreeMap<u64, Facts> = BTreeMap::new();
    let mut at_ms = step_of(window.from_ms);
    while at_ms < window.to_ms {
        steps.insert(at_ms, Facts::default());
        at_ms += step_ms;
    }
    for cell in places {
        if let Some(facts) = steps.get_mut(&step_of(cell.at_ms)) {
            facts.places.push(cell.clone());
        }
    }
    for cell in waste {
        if let Some(facts) = steps.get_mut(&step_of(cell.at_ms)) {
            facts.waste.push(cell.clone());
        }
    }
    let point = |(at_ms, facts)| Point { at_ms, totals: allocate(&facts, prices, ShareIdle::None).totals };
    steps.into_iter().map(point).collect()
}
