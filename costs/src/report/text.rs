//! The report for people.

use costs_engine::allocation::Line;
use costs_engine::money::{decimal, shown};
use costs_engine::window::minute_text;
use costs_engine::{By, IDENTITY_LIMIT_PPM, Money, ShareIdle};

use super::Figures;
use super::table::{Column, lines};
use crate::cli::Report;

/// Workers named when the identity does not hold.
const NAMED_WORKERS: usize = 5;
const HOUR_S: i128 = 3_600;

/// An amount of a line.
type Amount = fn(&Line) -> Money;

pub(super) fn render(command: &Report, figures: &Figures, width: usize) -> String {
    let totals = &figures.allocation.totals;
    let decimals = totals.workers.max(totals.parts()).decimals();
    let (from, to) = (minute_text(figures.window.from_ms), minute_text(figures.window.to_ms));
    let mut text = vec![format!("Cost by {}, {from} to {to} UTC, {}", title(command.by), figures.currency)];
    if command.share_idle != ShareIdle::None {
        let how = if command.share_idle == ShareIdle::Slots { "slot-seconds" } else { "direct cost" };
        text.push(format!("Idle is shared by {how} within each hour and pool"));
    }
    text.push(String::new());
    if figures.found.rows == 0 {
        text.push("There is no usage in this window.".to_owned());
        text.push(
            "Do agents run, and do they and this report use the same store (UPDRAFT_STORE)?".to_owned(),
        );
    } else {
        text.extend(lines(&columns(command, figures, decimals), width));
        text.push(String::new());
        text.extend(summary(figures, decimals));
    }
    text.push(String::new());
    if figures.found.rows > 0 {
        text.extend(identity(figures));
    }
    text.push(read(figures));
    text.join("\n") + "\n"
}

fn title(by: By) -> &'static str {
    match by {
        By::Dag => "DAG",
        By::Env => "environment",
        other => other.as_str(),
    }
}

fn columns(command: &Report, figures: &Figures, decimals: u32) -> Vec<Column> {
    let all = &figures.allocation.lines;
    let top = command.top.unwrap_or(usize::MAX).min(all.len());
    let folded = fold(all, top);
    let rest = all.len() - top;
    let heads = command.by.columns();
    let mut columns: Vec<Column> = Vec::new();
    for (at, head) in heads.iter().enumerate() {
        let cell = |line: &Line| line.group.get(at).cloned().unwrap_or_default();
        let mut cells: Vec<String> = folded.iter().take(top).map(cell).collect();
        let first = |text: String| if at == 0 { text } else { String::new() };
        if rest > 0 {
            cells.push(first(format!("({rest} more)")));
        }
        cells.push(first("total".to_owned()));
        columns.push(Column::text(head, cells));
    }
    let sum = |of: fn(&Line) -> i128| folded.iter().map(of).sum::<i128>();
    let counted = |head, of: fn(&Line) -> i128, scale: i128| {
        let cells = folded.iter().map(of).chain([sum(of)]);
        let write = |value: i128| if scale == 1 { value.to_string() } else { thousandths(value, scale) };
        Column::figures(head, cells.map(write).collect())
    };
    columns.push(counted("attempts", |line| line.used.ended, 1));
    columns.push(counted("wasted", |line| line.used.wasted, 1));
    // Below a tenth of a core-hour, hours would be zeros.
    if sum(|line| line.used.cpu_ns) < HOUR_S * 1_000_000_000 / 10 {
        columns.push(counted("CPU s", |line| line.used.cpu_ns, 1_000_000_000));
        columns.push(counted("GiB s", |line| line.used.mem_byte_s, 1 << 30));
    } else {
        columns.push(counted("CPU h", |line| line.used.cpu_ns, HOUR_S * 1_000_000_000));
        columns.push(counted("GiB h", |line| line.used.mem_byte_s, HOUR_S << 30));
    }
    let money = |head, of: Amount| {
        let amounts: Vec<Money> = folded.iter().map(of).collect();
        let total: Money = amounts.iter().copied().sum();
        let cells = shown(&amounts, decimals).into_iter().chain([total.rounded(decimals)]);
        Column::figures(head, cells.map(|units| decimal(units, decimals)).collect())
    };
    columns.push(money("tasks", |line| line.tasks));
    let optional: [(&'static str, Amount); 5] = [
        ("callbacks", |line| line.callbacks),
        ("orphans", |line| line.orphans),
        ("overhead", |line| line.overhead),
        ("idle", |line| line.idle),
        ("unattributed", |line| line.unattributed),
    ];
    for (head, of) in optional {
        if folded.iter().any(|line| of(line) != Money::ZERO) {
            columns.push(money(head, of));
        }
    }
    columns.push(money("waste", |line| line.waste));
    columns.push(money("total", Line::total));
    columns
}

/// The first `top` lines, and all others as one.
fn fold(all: &[Line], top: usize) -> Vec<Line> {
    let mut folded = all[..top].to_vec();
    if let Some(rest) = all[top..].iter().cloned().reduce(|mut sum, line| {
        sum.used += line.used;
        sum.tasks += line.tasks;
        sum.callbacks += line.callbacks;
        sum.orphans += line.orphans;
        sum.overhead += line.overhead;
        sum.idle += line.idle;
        sum.unattributed += line.unattributed;
        sum.waste += line.waste;
        sum
    }) {
        folded.push(rest);
    }
    folded
}

fn summary(figures: &Figures, decimals: u32) -> Vec<String> {
    let totals = &figures.allocation.totals;
    let names = [
        "tasks",
        "callbacks",
        "orphans",
        "overhead",
        "idle, empty slots",
        "idle, busy slots",
        "unattributed",
    ];
    let parts = [
        totals.tasks,
        totals.callbacks,
        totals.orphans,
        totals.overhead,
        totals.idle_empty_slots,
        totals.idle_busy_slots,
        totals.unattributed,
    ];
    let mut names: Vec<String> = names.map(str::to_owned).into();
    let mut cells: Vec<String> =
        shown(&parts, decimals).into_iter().map(|units| decimal(units, decimals)).collect();
    let share = |part: Money| {
        let whole = totals.parts().weight();
        let tenths = (part.weight() * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
        format!("{} %", decimal(i128::try_from(tenths).unwrap_or(0), 1))
    };
    let mut shares: Vec<String> = parts.map(share).into();
    names.push("sum of the parts".to_owned());
    cells.push(totals.parts().to_decimal(decimals));
    shares.push(String::new());
    let mut text = lines(
        &[Column::text("", names), Column::figures("cost", cells), Column::figures("share", shares)],
        usize::MAX,
    );
    text.push(format!("workers, as measured: {}", totals.workers.to_decimal(decimals)));
    text.push(format!(
        "waste (failed, retried and lost attempts, within tasks): {}",
        totals.waste.to_decimal(decimals)
    ));
    if totals.idle_shared != Money::ZERO {
        text.push(format!("of idle, shared to the lines above: {}", totals.idle_shared.to_decimal(decimals)));
    }
    text
}

fn identity(figures: &Figures) -> Vec<String> {
    let identity = &figures.identity;
    let (cpu, memory) = (&identity.cpu, &identity.memory);
    let state = if identity.holds() { "holds" } else { "DOES NOT HOLD" };
    let mut text = vec![format!(
        "identity {state}: workers = sum of their parts; worst worker {} ppm, limit {IDENTITY_LIMIT_PPM} ppm; \
         all: CPU {} ppm, memory {} ppm; unattributed: CPU {} ppm, memory {} ppm",
        identity.worst_ppm(),
        cpu.error_ppm(),
        memory.error_ppm(),
        cpu.unattributed_ppm(),
        memory.unattributed_ppm(),
    )];
    if !identity.holds() {
        for worker in identity
            .workers
            .iter()
            .take_while(|worker| worker.error_ppm() > IDENTITY_LIMIT_PPM)
            .take(NAMED_WORKERS)
        {
            text.push(format!(
                "  {}: CPU {} of {} ns, memory {} of {} byte s accounted for",
                worker.worker, worker.cpu.parts, worker.cpu.whole, worker.memory.parts, worker.memory.whole
            ));
        }
    }
    text
}

fn read(figures: &Figures) -> String {
    let found = &figures.found;
    let mut parts = vec![format!("read {} rows in {} files", found.rows, found.files)];
    if found.missing > 0 {
        let missing = found.missing;
        parts.push(format!("{missing} ROWS ARE MISSING (gaps in their numbers): figures are too low"));
    }
    if found.repeated > 0 {
        parts.push(format!("{} came twice and count once", found.repeated));
    }
    parts.join("; ")
}

/// A quantity in units of `scale`, three decimals, rounded.
fn thousandths(value: i128, scale: i128) -> String {
    decimal((value * 1_000 + scale / 2).div_euclid(scale), 3)
}
