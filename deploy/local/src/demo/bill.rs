//! What `updraft-costs` says: its dashboard's API, and its report.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process::Program;
use crate::state::State;
use crate::{machine, programs};

/// Nanoseconds in a second.
const SECOND_NS: f64 = 1e9;

/// Asks for costs.
#[derive(Debug)]
pub(super) struct Bill<'a> {
    state: &'a State,
}

/// The part of `/v1/zombies` that is read here.
#[derive(Debug, Deserialize)]
struct Zombies {
    zombies: Vec<Zombie>,
}

/// Something that costs money and nobody asks for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Zombie {
    pub kind: String,
    pub dag_id: String,
    pub task_id: String,
    pub cost: String,
    pub cost_per_hour: String,
}

impl Zombie {
    /// It has a price already.
    pub(super) fn costs_something(&self) -> bool {
        is_positive(&self.cost)
    }
}

/// The part of `report --format json` that is read here.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub currency: String,
    lines: Vec<Line>,
    pub totals: BTreeMap<String, String>,
    pub identity: Identity,
}

/// One group of a report.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Line {
    group: Vec<String>,
    cpu_ns: u64,
    pub attempts: u64,
    pub attempts_wasted: u64,
    pub waste: String,
}

impl Line {
    /// CPU seconds, to be shown.
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    pub(super) fn cpu_s(&self) -> f64 {
        self.cpu_ns as f64 / SECOND_NS
    }

    /// Attempts in vain cost money.
    pub(super) fn wastes_something(&self) -> bool {
        is_positive(&self.waste)
    }
}

/// Does it add up?
#[derive(Debug, Deserialize)]
pub(super) struct Identity {
    pub holds: bool,
    pub worst_error_ppm: u64,
    pub cpu_ns: Balance,
    pub mem_byte_s: Balance,
    pub workers: Vec<serde_json::Value>,
}

/// A whole and its parts.
#[derive(Debug, Deserialize)]
pub(super) struct Balance {
    pub unattributed_ppm: u64,
}

impl<'a> Bill<'a> {
    /// Of this bring-up.
    pub(super) fn new(state: &'a State) -> Self {
        Self { state }
    }

    /// What the dashboard calls zombies.
    pub(super) async fn zombies(&self) -> Result<Vec<Zombie>, Failure> {
        let unclear = Failure::Answer { program: "updraft-costs serve", field: "zombies" };
        let url = format!("{}/v1/zombies", self.state.costs_url());
        let Ok(answer) = reqwest::get(url).await else { return Err(unclear) };
        answer.json::<Zombies>().await.map(|answer| answer.zombies).map_err(|_| unclear)
    }

    /// The bill of the last day by task, from the files in the store.
    pub(super) async fn report(&self) -> Result<Report, Failure> {
        let args = ["report", "--by", "task", "--window", "24h", "--format", "json"];
        let env = programs::costs_environment(self.state);
        let asked = Program::new("costs-report", &machine::sibling("updraft-costs")?, &args, env);
        serde_json::from_str(&asked.output(self.state).await?)
            .map_err(|_| Failure::Answer { program: "updraft-costs report", field: "lines" })
    }

    /// One task's line.
    pub(super) async fn task(&self, dag_id: &str, task_id: &str) -> Result<Option<Line>, Failure> {
        Ok(self.report().await?.lines.into_iter().find(|line| line.group == [dag_id, task_id]))
    }
}

/// More than nothing, of decimal text.
fn is_positive(amount: &str) -> bool {
    !amount.starts_with('-') && amount.bytes().any(|byte| matches!(byte, b'1'..=b'9'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_are_told_from_nothing() {
        assert!(super::is_positive("0.000000012"));
        assert!(!super::is_positive("0.000000000") && !super::is_positive("-1.0"));
    }
}
