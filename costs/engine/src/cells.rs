//! Quantities by what a report groups by.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use domain::usage::UsageKind;
use serde::Serialize;

use crate::prices::Owners;
use crate::rollup::{HourKey, Rollup, is_attributed};
use crate::window::HOUR_MS;
use crate::{Name, Outcome, Quantities};

/// What a report groups by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// DAG.
    Dag,
    /// Task of a DAG.
    Task,
    /// Run of a DAG.
    Run,
    /// Celery queue.
    Queue,
    /// Owner of the DAG.
    Owner,
    /// Worker pool.
    Pool,
    /// Worker.
    Worker,
    /// Environment.
    Env,
}

impl By {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 8] =
        [Self::Dag, Self::Task, Self::Run, Self::Queue, Self::Owner, Self::Pool, Self::Worker, Self::Env];

    /// As on the command line and in addresses.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dag => "dag",
            Self::Task => "task",
            Self::Run => "run",
            Self::Queue => "queue",
            Self::Owner => "owner",
            Self::Pool => "pool",
            Self::Worker => "worker",
            Self::Env => "env",
        }
    }

    /// Names of the parts of a group, as columns are headed.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Dag => &["dag_id"],
            Self::Task => &["dag_id", "task_id"],
            Self::Run => &["dag_id", "run_id"],
            Self::Queue => &["queue"],
            Self::Owner => &["owner"],
            Self::Pool => &["pool"],
            Self::Worker => &["worker"],
            Self::Env => &["env_id"],
        }
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for By {
    type Err = UnknownBy;

    fn from_str(text: &str) -> Result<Self, UnknownBy> {
        Self::ALL.into_iter().find(|by| by.as_str() == text).ok_or_else(|| UnknownBy(text.to_owned()))
    }
}

/// A text names nothing to group by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is nothing to group by: expected dag, task, run, queue, owner, pool, worker or env")]
pub struct UnknownBy(String);

/// Quantities of one group, in one pool, at one time: what gets a price.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cell {
    /// Begin of the stretch of time, Unix milliseconds. Idle is shared within one stretch and pool.
    pub at_ms: u64,
    /// Pool.
    pub pool: Arc<str>,
    /// Kind of usage.
    pub kind: UsageKind,
    /// What it is grouped by: one or two texts; empty in [`Facts::places`].
    pub group: Arc<[String]>,
    /// How much.
    pub quantities: Quantities,
}

/// The group of an attributed key; `owners` for [`By::Owner`].
pub fn group_of(by: By, key: &HourKey, text: impl Fn(Name) -> String, owners: &Owners) -> Vec<String> {
    match by {
        By::Dag => vec![text(key.dag)],
        By::Task => vec![text(key.dag), text(key.task)],
        By::Queue => vec![text(key.queue)],
        By::Owner => vec![owners.of(&text(key.dag)).to_owned()],
        By::Pool => vec![text(key.pool)],
        By::Env => vec![env_name(&text(key.env))],
        // Kept in tables of their own.
        By::Run | By::Worker => Vec::new(),
    }
}

/// How an environment is shown: twelve characters of its id.
pub fn env_name(id: &str) -> String {
    if id.is_empty() { "(base)".to_owned() } else { id.chars().take(12).collect() }
}

/// Hour, pool, kind, group → how much.
type Sums = HashMap<(u32, Name, UsageKind, Vec<String>), Quantities>;

/// What a report is computed from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Every kind, hour by hour and pool by pool, without a group: totals, and what idle is split by.
    pub places: Vec<Cell>,
    /// Kinds that belong to a group. Where idle is shared, hour by hour; else any stretch without a change of prices.
    pub groups: Vec<Cell>,
    /// Of `groups`, what attempts used that were in vain.
    pub waste: Vec<Cell>,
}

impl Rollup {
    /// The facts of a report over everything that was added.
    pub fn facts(&self, by: By, owners: &Owners) -> Facts {
        Facts { places: self.places(), groups: self.groups(by, owners), waste: self.waste(by, owners) }
    }

    fn places(&self) -> Vec<Cell> {
        let mut cells = Sums::default();
        for (key, quantities) in &self.workers {
            *cells.entry((key.hour, key.pool, key.kind, Vec::new())).or_default() += *quantities;
        }
        self.sorted(cells)
    }

    fn groups(&self, by: By, owners: &Owners) -> Vec<Cell> {
        let text = |name| self.names.text(name).to_owned();
        let mut cells = Sums::default();
        let mut put = |hour, pool, kind, group, quantities: &Quantities| {
            *cells.entry((hour, pool, kind, group)).or_default() += *quantities;
        };
        match by {
            By::Worker => {
                for (key, quantities) in &self.workers {
                    put(key.hour, key.pool, key.kind, vec![text(key.worker)], quantities);
                }
            }
            By::Run => {
                for (key, quantities) in &self.runs {
                    put(key.hour, key.pool, key.kind, vec![text(key.dag), text(key.run)], quantities);
                }
            }
            _ => {
                for (key, quantities) in &self.hours {
                    if is_attributed(key.kind) || by == By::Pool {
                        put(key.hour, key.pool, key.kind, group_of(by, key, text, owners), quantities);
                    }
                }
            }
        }
        self.sorted(cells)
    }

    fn waste(&self, by: By, owners: &Owners) -> Vec<Cell> {
        let text = |name| self.names.text(name).to_owned();
        let mut cells = Sums::default();
        for (key, attempt) in &self.attempts {
            let wasted = Outcome::of(self.names.text(attempt.state)) == Outcome::Wasted;
            if key.kind != UsageKind::Task || !wasted {
                continue;
            }
            let group = match by {
                By::Worker => vec![text(attempt.worker)],
                By::Run => vec![text(key.dag), text(key.run)],
                _ => {
                    let (pool, queue, env) = (attempt.pool, attempt.queue, attempt.env);
                    let key =
                        HourKey { hour: 0, kind: key.kind, pool, queue, dag: key.dag, task: key.task, env };
                    group_of(by, &key, text, owners)
                }
            };
            for (hour, quantities) in &attempt.hours {
                *cells.entry((*hour, attempt.pool, key.kind, group.clone())).or_default() += *quantities;
            }
        }
        self.sorted(cells)
    }

    fn sorted(&self, cells: Sums) -> Vec<Cell> {
        let cell = |((hour, pool, kind, group), quantities): ((u32, Name, UsageKind, Vec<String>), _)| Cell {
            at_ms: u64::from(hour) * HOUR_MS,
            pool: self.names.text(pool).into(),
            kind,
            group: group.into(),
            quantities,
        };
        let mut cells: Vec<Cell> = cells.into_iter().map(cell).collect();
        cells.sort_by(|a, b| (a.at_ms, &a.pool, a.kind, &a.group).cmp(&(b.at_ms, &b.pool, b.kind, &b.group)));
        cells
    }
}
