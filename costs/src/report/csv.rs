//! One line a group (RFC 4180), for spreadsheets.

use costs_engine::By;

use super::Figures;
use crate::documents::{Content, Costs, LineDocument};

pub(super) fn render(by: By, figures: &Figures, top: Option<usize>) -> String {
    let costs = Costs::new(&Content {
        window: figures.window,
        by,
        share: costs_engine::ShareIdle::None,
        currency: &figures.currency,
        allocation: &figures.allocation,
        identity: &figures.identity,
        found: figures.found,
        top,
    });
    let mut head: Vec<String> = by.columns().iter().map(ToString::to_string).collect();
    head.extend(COLUMNS.iter().map(|(name, _)| (*name).to_owned()));
    head.push("currency".to_owned());
    let mut rows = vec![head];
    for line in &costs.lines {
        let mut row = line.group.clone();
        row.resize(by.columns().len(), String::new());
        row.extend(COLUMNS.iter().map(|(_, of)| of(line)));
        row.push(costs.currency.clone());
        rows.push(row);
    }
    let line = |row: Vec<String>| row.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",") + "\r\n";
    rows.into_iter().map(line).collect()
}

type Of = fn(&LineDocument) -> String;
const COLUMNS: [(&str, Of); 13] = [
    ("attempts", |line| line.attempts.to_string()),
    ("attempts_wasted", |line| line.attempts_wasted.to_string()),
    ("cpu_ns", |line| line.cpu_ns.to_string()),
    ("mem_byte_s", |line| line.mem_byte_s.to_string()),
    ("slot_ms", |line| line.slot_ms.to_string()),
    ("tasks", |line| line.tasks.clone()),
    ("callbacks", |line| line.callbacks.clone()),
    ("orphans", |line| line.orphans.clone()),
    ("overhead", |line| line.overhead.clone()),
    ("idle", |line| line.idle.clone()),
    ("unattributed", |line| line.unattributed.clone()),
    ("waste", |line| line.waste.clone()),
    ("total", |line| line.total.clone()),
];

/// Quoted where needed. A cell that a spreadsheet would take for a formula is marked as text.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '@', '+']) || cell.starts_with('-') && cell.parse::<f64>().is_err();
    let cell = if formula { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn cells_stay_cells() {
        assert_eq!(
            [quoted("a,b"), quoted("a\"b"), quoted("=1+1"), quoted("-0.5"), quoted("-x")],
            ["\"a,b\"", "\"a\"\"b\"", "'=1+1", "-0.5", "'-x"]
        );
    }
}
