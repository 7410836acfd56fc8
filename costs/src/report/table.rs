//! Columns under each other: texts left, figures right.

/// One column.
pub(super) struct Column {
    pub(super) head: &'static str,
    pub(super) figures: bool,
    pub(super) cells: Vec<String>,
}

impl Column {
    pub(super) fn text(head: &'static str, cells: Vec<String>) -> Self {
        Self { head, figures: false, cells }
    }

    pub(super) fn figures(head: &'static str, cells: Vec<String>) -> Self {
        Self { head, figures: true, cells }
    }

    fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.chars().count()).chain([self.head.len()]).max().unwrap_or(0)
    }
}

/// Space between two columns.
const GAP: usize = 2;
/// A text column is never cut below this.
const NARROWEST: usize = 8;

/// The lines of a table; the last row stands under a rule. Texts are cut to stay within `width`, figures never.
pub(super) fn lines(columns: &[Column], width: usize) -> Vec<String> {
    let mut widths: Vec<usize> = columns.iter().map(Column::width).collect();
    let over = (widths.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1)).saturating_sub(width);
    shrink(columns, &mut widths, over);
    let line = |cell: &dyn Fn(&Column) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, &width)| {
            let cell = cut(&cell(column), width);
            if column.figures { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        cells.collect::<Vec<_>>().join(&" ".repeat(GAP)).trim_end().to_owned()
    };
    let rows = columns.first().map_or(0, |column| column.cells.len());
    let rule = "─".repeat(widths.iter().sum::<usize>() + GAP * columns.len().saturating_sub(1));
    let mut lines = vec![line(&|column| column.head.to_owned()), rule.clone()];
    for row in 0..rows {
        if row + 1 == rows {
            lines.push(rule.clone());
        }
        lines.push(line(&|column| column.cells.get(row).cloned().unwrap_or_default()));
    }
    lines
}

/// Takes what is too much from the widest text columns.
fn shrink(columns: &[Column], widths: &mut [usize], mut over: usize) {
    while over > 0 {
        let texts = columns.iter().enumerate().filter(|(_, column)| !column.figures).map(|(at, _)| at);
        let Some(widest) = texts.max_by_key(|&at| widths[at]).filter(|&at| widths[at] > NARROWEST) else {
            return;
        };
        widths[widest] -= 1;
        over -= 1;
    }
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}
