//! The first page: now, trend, where the money goes, zombies.

use askama::Template;
use costs_engine::allocation::Totals;
use costs_engine::series::Point;
use costs_engine::zombies::Zombie;
use costs_engine::{Allocation, Identity, Money};

use crate::RenderError;
use crate::chart::{Chart, PARTS, trend};
use crate::format::{alone, duration, money, percent, permille};
use crate::frame::{Frame, encoded};
use crate::tables::{CostTable, ZombieRow, costs, zombies};

/// Lines of a table.
const TOP: usize = 12;
/// Zombies that are listed.
const TOP_ZOMBIES: usize = 8;

/// What runs now, and what today and this month cost.
#[derive(Debug, Clone, Default)]
pub struct Tiles {
    /// Unix milliseconds.
    pub now_ms: u64,
    /// Running attempts.
    pub running: u64,
    /// What they cost in an hour.
    pub running_per_hour: Money,
    /// Workers.
    pub workers: u64,
    /// Slots of these.
    pub slots: u64,
    /// What the workers cost in an hour.
    pub workers_per_hour: Money,
    /// Since midnight UTC.
    pub today: Money,
    /// Since the first of the month.
    pub month: Money,
    /// The month to its end.
    pub month_projected: Money,
}

/// What the page shows.
pub struct Overview<'a> {
    /// Now.
    pub tiles: &'a Tiles,
    /// By DAG.
    pub dags: &'a Allocation,
    /// By task.
    pub tasks: &'a Allocation,
    /// Over time.
    pub points: &'a [Point],
    /// Length of a step.
    pub step_ms: u64,
    /// Orphans and stuck tasks.
    pub zombies: &'a [Zombie],
    /// Does it add up?
    pub identity: &'a Identity,
}

/// A part of the whole, for the bar and its legend.
struct Slice {
    class: &'static str,
    name: &'static str,
    amount: String,
    percent: String,
    permille: u32,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page<'a> {
    frame: &'a Frame,
    title: &'static str,
    empty: bool,
    quiet: bool,
    now: Vec<Tile>,
    slices: Vec<Slice>,
    whole: String,
    chart: Option<Chart>,
    dags: CostTable,
    tasks: CostTable,
    zombies: Vec<ZombieRow>,
    more_zombies: usize,
    burn: String,
    identity: IdentityLine,
}

struct Tile {
    name: &'static str,
    figure: String,
    unit: &'static str,
    note: String,
}

struct IdentityLine {
    holds: bool,
    text: String,
}

impl Overview<'_> {
    /// The page.
    pub fn render(&self, frame: &Frame) -> Result<String, RenderError> {
        let totals = &self.dags.totals;
        let query = frame.query();
        let dag_href = |dag: &str| format!("/dags/{}{query}", encoded(dag));
        let first = |line: &costs_engine::allocation::Line| {
            line.group.first().map(|dag| dag_href(dag)).unwrap_or_default()
        };
        let page = Page {
            frame,
            title: "Costs",
            empty: totals.parts() == Money::ZERO && self.tiles.month == Money::ZERO,
            quiet: totals.parts() == Money::ZERO,
            now: self.now(frame),
            slices: slices(totals, &frame.currency),
            whole: alone(totals.parts(), &frame.currency),
            chart: trend(self.points, self.step_ms, &frame.currency),
            dags: costs(self.dags, TOP, frame, first),
            tasks: costs(self.tasks, TOP, frame, first),
            zombies: zombies(self.zombies, TOP_ZOMBIES, self.tiles.now_ms, frame),
            more_zombies: self.zombies.len().saturating_sub(TOP_ZOMBIES),
            burn: alone(self.zombies.iter().map(|zombie| zombie.per_hour).sum(), &frame.currency),
            identity: identity(self.identity),
        };
        page.render().map_err(RenderError::of("overview"))
    }

    fn now(&self, frame: &Frame) -> Vec<Tile> {
        let (tiles, totals) = (self.tiles, &self.dags.totals);
        let money = |amount| alone(amount, &frame.currency);
        let busy = format!("{} running in {} slots of {} workers", tiles.running, tiles.slots, tiles.workers);
        let used = percent(totals.direct(), totals.parts());
        vec![
            Tile { name: "Workers now", figure: money(tiles.workers_per_hour), unit: "per hour", note: busy },
            Tile {
                name: "Running tasks now",
                figure: money(tiles.running_per_hour),
                unit: "per hour",
                note: format!("{} % of the workers", percent(tiles.running_per_hour, tiles.workers_per_hour)),
            },
            Tile {
                name: "Today",
                figure: money(tiles.today),
                unit: "",
                note: format!("since midnight UTC, {} ago", duration(tiles.now_ms % 86_400_000)),
            },
            Tile {
                name: "This month, projected",
                figure: money(tiles.month_projected),
                unit: "",
                note: format!("{} so far, then the pace of the last day", money(tiles.month)),
            },
            Tile {
                name: "Used by tasks",
                figure: format!("{used} %"),
                unit: "",
                note: format!(
                    "of {}; {} % of that in vain",
                    self.whole(frame),
                    percent(totals.waste, totals.direct())
                ),
            },
        ]
    }

    fn whole(&self, frame: &Frame) -> String {
        alone(self.dags.totals.parts(), &frame.currency)
    }
}

fn slices(totals: &Totals, currency: &str) -> Vec<Slice> {
    let whole = totals.parts();
    let digits = crate::format::decimals(whole);
    let slice = |(class, name, of): (&'static str, &'static str, fn(&Totals) -> Money)| {
        let amount = of(totals);
        Slice {
            class,
            name,
            amount: money(amount, digits, currency),
            percent: percent(amount, whole),
            permille: permille(amount, whole),
        }
    };
    PARTS.map(slice).into()
}

fn identity(identity: &Identity) -> IdentityLine {
    let unattributed = identity.cpu.unattributed_ppm().max(identity.memory.unattributed_ppm());
    let text = if identity.workers.is_empty() {
        "No worker has been measured in this window.".to_owned()
    } else if identity.holds() {
        format!(
            "Tasks, overhead and idle add up to the workers: {} workers, the worst differs by {} ppm, {} ppm belong to nobody.",
            identity.workers.len(),
            identity.worst_ppm(),
            unattributed
        )
    } else {
        let worst = identity.workers.first().map(|worker| worker.worker.as_str()).unwrap_or_default();
        format!(
            "Tasks, overhead and idle do not add up to the workers: {worst} differs by {} %, the limit is {} %. Figures of that worker cannot be trusted.",
            costs_engine::money::decimal(i128::from(identity.worst_ppm()), 4),
            costs_engine::money::decimal(i128::from(costs_engine::IDENTITY_LIMIT_PPM), 4),
        )
    };
    IdentityLine { holds: identity.holds(), text }
}
