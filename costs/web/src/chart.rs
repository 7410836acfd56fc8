//! Stacked bars as inline SVG: rectangles only, texts stand beside it in HTML, so that they stay readable at any width.

use costs_engine::Money;
use costs_engine::allocation::Totals;
use costs_engine::series::Point;
use costs_engine::window::minute_text;

use crate::format::{alone, decimals, money};

/// Units of the drawing.
const WIDTH: u64 = 1_200;
const HEIGHT: u64 = 240;
/// Of a step's width, the bar takes so many percent.
const BAR_PERCENT: u64 = 78;
/// Labels below the bars.
const LABELS: usize = 6;

/// A rectangle of the drawing.
pub(crate) struct Rect {
    pub(crate) class: &'static str,
    pub(crate) x: u64,
    pub(crate) y: u64,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

/// One step: its rectangles and what a pointer over it shows.
pub(crate) struct Bar {
    pub(crate) title: String,
    pub(crate) x: u64,
    pub(crate) step: u64,
    pub(crate) parts: Vec<Rect>,
}

/// One line of the table below the chart.
pub(crate) struct Row {
    pub(crate) at: String,
    pub(crate) cells: Vec<String>,
}

/// A chart, ready for its template.
pub(crate) struct Chart {
    pub(crate) label: String,
    pub(crate) bars: Vec<Bar>,
    /// Height from the bottom in percent, and the amount.
    pub(crate) grid: Vec<(u64, String)>,
    /// Middle of a bar in thousandths of the width, and its time.
    pub(crate) labels: Vec<(u64, String)>,
    pub(crate) rows: Vec<Row>,
    pub(crate) width: u64,
    pub(crate) height: u64,
}

/// Parts of a bar from the bottom up: class, name, amount.
pub(crate) type Part = (&'static str, &'static str, fn(&Totals) -> Money);
pub(crate) const PARTS: [Part; 5] = [
    ("useful", "Tasks", |totals| totals.direct() - totals.waste),
    ("waste", "Waste", |totals| totals.waste),
    ("overhead", "Overhead", |totals| totals.overhead + totals.unattributed),
    ("idle-busy", "Idle in busy slots", |totals| totals.idle_busy_slots),
    ("idle-empty", "Empty slots", |totals| totals.idle_empty_slots),
];

/// The chart of a trend; `None` where there is nothing to draw.
pub(crate) fn trend(points: &[Point], step_ms: u64, currency: &str) -> Option<Chart> {
    let largest = points.iter().map(|point| point.totals.parts()).max().filter(|most| *most > Money::ZERO)?;
    let (top, lines) = scale(largest);
    let step = (WIDTH / points.len() as u64).max(1);
    let decimals = decimals(largest);
    let bars = points
        .iter()
        .enumerate()
        .map(|(at, point)| bar(at as u64 * step, step, point, top, step_ms, currency));
    let label = |at: u64| {
        let text = minute_text(at);
        if step_ms >= 86_400_000 { text[5..10].to_owned() } else { text[11..].to_owned() }
    };
    let every = points.len().div_ceil(LABELS).max(1);
    let count = points.len() as u64;
    let middle = |(at, point): (usize, &Point)| ((2 * at as u64 + 1) * 500 / count, label(point.at_ms));
    let row = |point: &Point| Row {
        at: minute_text(point.at_ms),
        cells: PARTS.iter().map(|(_, _, of)| money(of(&point.totals), decimals, currency)).collect(),
    };
    let total: Money = points.iter().map(|point| point.totals.parts()).sum();
    Some(Chart {
        label: format!(
            "Cost in {} steps of {}: {} in all, at most {} in one step",
            points.len(),
            crate::format::duration(step_ms),
            alone(total, currency),
            alone(largest, currency)
        ),
        bars: bars.collect(),
        grid: lines
            .into_iter()
            .map(|(percent, amount)| (percent, money(amount, grid_decimals(top), currency)))
            .collect(),
        labels: points.iter().enumerate().step_by(every).map(middle).collect(),
        rows: points.iter().map(row).collect(),
        width: step * points.len() as u64,
        height: HEIGHT,
    })
}

fn bar(x: u64, step: u64, point: &Point, top: Money, step_ms: u64, currency: &str) -> Bar {
    let width = (step * BAR_PERCENT / 100).max(1);
    let height_of = |amount: Money| {
        let height = (amount.weight() * u128::from(HEIGHT) * 16).checked_div(top.weight()).unwrap_or(0);
        u64::try_from(height).unwrap_or(0)
    };
    let mut below = 0;
    let mut title = vec![minute_text(point.at_ms)];
    let mut parts = Vec::new();
    for (class, name, of) in PARTS {
        let amount = of(&point.totals);
        // Ends of running sums, in sixteenths, so that parts meet without gaps.
        let (from, to) = (below, below + height_of(amount));
        below = to;
        if to / 16 > from / 16 {
            let height = to / 16 - from / 16;
            parts.push(Rect {
                class,
                x: x + (step - width) / 2,
                y: HEIGHT.saturating_sub(to / 16),
                width,
                height,
            });
        }
        if amount > Money::ZERO {
            title.push(format!("{name} {}", alone(amount, currency)));
        }
    }
    let all = alone(point.totals.parts(), currency);
    title.insert(1, format!("{all} in {}", crate::format::duration(step_ms)));
    Bar { title: title.join("\n"), x, step, parts }
}

/// A round top of the scale and its lines.
fn scale(largest: Money) -> (Money, Vec<(u64, Money)>) {
    // In 10⁻⁹: four lines, 1, 2, 2.5 or 5 times a power of ten apart.
    let largest = largest.rounded(9).max(4);
    let mut power: i128 = 1;
    while power * 20 < largest {
        power *= 10;
    }
    let steps = [power, power * 2, power * 5 / 2, power * 5];
    let line = steps.into_iter().find(|step| step * 4 >= largest).unwrap_or(power * 5).max(1);
    let lines = (0..=4).map(|at: u64| (at * 25, Money::from_nano(line * i128::from(at)))).collect();
    (Money::from_nano(line * 4), lines)
}

fn grid_decimals(top: Money) -> u32 {
    match top.rounded(9) {
        units if units >= 20_000_000_000 => 0,
        units if units >= 200_000_000 => 2,
        units if units >= 2_000_000 => 4,
        _ => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(at_ms: u64, tasks: i128, empty: i128) -> Point {
        let totals = Totals {
            tasks: Money::from_nano(tasks),
            idle_empty_slots: Money::from_nano(empty),
            ..Totals::default()
        };
        Point { at_ms, totals }
    }

    #[test]
    fn bars_stay_inside_and_stack_without_gaps() {
        let points: Vec<Point> =
            (0..24).map(|at: u64| point(at * 3_600_000, i128::from(at) * 77, 1_000)).collect();
        let chart = trend(&points, 3_600_000, "USD").unwrap();
        for bar in &chart.bars {
            let mut below = chart.height;
            for part in &bar.parts {
                assert_eq!(part.y + part.height, below);
                assert!(part.x >= bar.x && part.x + part.width <= bar.x + bar.step);
                below = part.y;
            }
        }
        assert!(trend(&[point(0, 0, 0)], 3_600_000, "USD").is_none());
    }

    #[test]
    fn the_scale_is_round_and_not_much_too_high() {
        let top = |largest| scale(Money::from_nano(largest)).0.rounded(9);
        assert_eq!(
            [top(1), top(7), top(1_540_000_000), top(8_000_000_001)],
            [4, 8, 2_000_000_000, 10_000_000_000]
        );
    }
}
