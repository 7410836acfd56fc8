//! Tables of costs.

use costs_engine::allocation::Line;
use costs_engine::money::shown;
use costs_engine::zombies::{Zombie, ZombieKind};
use costs_engine::{Allocation, Money};

use crate::format::{
    CORE_HOUR, GIB_HOUR, alone, cell, decimals, duration, grouped, percent, permille, tenths,
};
use crate::frame::{Frame, encoded};

/// One line of a table of costs.
pub(crate) struct CostRow {
    pub(crate) name: String,
    pub(crate) detail: String,
    pub(crate) href: String,
    pub(crate) attempts: String,
    pub(crate) cpu: String,
    pub(crate) memory: String,
    pub(crate) waste: String,
    pub(crate) wasteful: bool,
    pub(crate) idle: String,
    pub(crate) total: String,
    /// Of the dearest line, in thousandths: the bar behind the name.
    pub(crate) bar: u32,
    pub(crate) share: String,
}

/// A table of costs: the dearest lines, the rest in one.
pub(crate) struct CostTable {
    pub(crate) rows: Vec<CostRow>,
    pub(crate) with_idle: bool,
    pub(crate) total: String,
    pub(crate) waste_total: String,
    pub(crate) currency: String,
    /// Of time: h or min.
    pub(crate) unit: &'static str,
}

/// The `top` dearest lines; `href` leads on from a line.
pub(crate) fn costs(
    allocation: &Allocation,
    top: usize,
    frame: &Frame,
    href: impl Fn(&Line) -> String,
) -> CostTable {
    let mut lines: Vec<Line> = allocation.lines.clone();
    let more = lines.len().saturating_sub(top);
    if more > 0 {
        let mut rest = Line { group: vec![format!("{more} more")], ..Line::default() };
        for line in lines.drain(top..) {
            rest.used += line.used;
            rest.tasks += line.tasks;
            rest.callbacks += line.callbacks;
            rest.orphans += line.orphans;
            rest.overhead += line.overhead;
            rest.idle += line.idle;
            rest.unattributed += line.unattributed;
            rest.waste += line.waste;
        }
        lines.push(rest);
    }
    let column = |of: fn(&Line) -> Money| lines.iter().map(of).collect::<Vec<Money>>();
    let (totals, wastes, idles) = (column(Line::total), column(|line| line.waste), column(|line| line.idle));
    let all: Money = totals.iter().copied().sum();
    let digits = decimals(totals.iter().copied().max().unwrap_or_default());
    let texts = |amounts: &[Money]| -> Vec<String> {
        shown(amounts, digits).into_iter().map(|units| cell(units, digits)).collect()
    };
    let (total_texts, waste_texts, idle_texts) = (texts(&totals), texts(&wastes), texts(&idles));
    let dearest = totals.iter().take(top).copied().max().unwrap_or_default();
    // Below an hour of CPU in all, hours would be zeros.
    let cpu_ns: i128 = lines.iter().map(|line| line.used.cpu_ns).sum();
    let (unit, per_hour) = if cpu_ns < CORE_HOUR { ("min", 60) } else { ("h", 1) };
    let rows = lines.iter().enumerate().map(|(at, line)| {
        let rest = more > 0 && at + 1 == lines.len();
        CostRow {
            name: line.group.last().cloned().unwrap_or_default(),
            detail: if line.group.len() > 1 && !frame.path.starts_with("/dags/") {
                line.group[0].clone()
            } else {
                String::new()
            },
            href: if rest { String::new() } else { href(line) },
            attempts: grouped(&line.used.ended.to_string()),
            cpu: tenths(line.used.cpu_ns, CORE_HOUR / per_hour),
            memory: tenths(line.used.mem_byte_s, GIB_HOUR / per_hour),
            waste: if line.waste == Money::ZERO { "–".to_owned() } else { waste_texts[at].clone() },
            wasteful: permille(line.waste, line.direct()) >= WASTEFUL_PERMILLE,
            idle: idle_texts[at].clone(),
            total: total_texts[at].clone(),
            bar: if rest { 0 } else { permille(totals[at], dearest) },
            share: percent(totals[at], all),
        }
    });
    let rows: Vec<CostRow> = rows.collect();
    CostTable {
        with_idle: idles.iter().any(|idle| *idle != Money::ZERO),
        total: cell(all.rounded(digits), digits),
        waste_total: cell(wastes.into_iter().sum::<Money>().rounded(digits), digits),
        currency: frame.currency.clone(),
        unit,
        rows,
    }
}

/// From this part of its cost in vain on, a line is marked.
const WASTEFUL_PERMILLE: u32 = 200;

/// One zombie.
pub(crate) struct ZombieRow {
    pub(crate) kind: &'static str,
    pub(crate) what: &'static str,
    pub(crate) task: String,
    pub(crate) detail: String,
    pub(crate) href: String,
    pub(crate) worker: String,
    pub(crate) age: String,
    pub(crate) so_far: String,
    pub(crate) per_hour: String,
}

/// The `top` dearest zombies.
pub(crate) fn zombies(zombies: &[Zombie], top: usize, now_ms: u64, frame: &Frame) -> Vec<ZombieRow> {
    let row = |zombie: &Zombie| {
        let suspect = &zombie.suspect;
        let [dag, task, run] = &suspect.ids;
        let map = if suspect.map_index < 0 { String::new() } else { format!(" [{}]", suspect.map_index) };
        let (kind, what) = match zombie.kind {
            ZombieKind::Orphan => ("orphan", "Still alive after its attempt ended"),
            ZombieKind::Stuck => ("stuck", "No CPU, no IO, no log; holds a slot"),
        };
        ZombieRow {
            kind,
            what,
            task: format!("{dag} · {task}{map}"),
            detail: format!("{run}, attempt {}", suspect.try_number),
            href: format!("/dags/{}{}", encoded(dag), frame.query()),
            worker: suspect.worker.clone(),
            age: duration(now_ms.saturating_sub(zombie.since_ms)),
            so_far: alone(zombie.so_far, &frame.currency),
            per_hour: alone(zombie.per_hour, &frame.currency),
        }
    };
    zombies.iter().take(top).map(row).collect()
}
