//! One DAG: its tasks, its runs, its last attempts.

use askama::Template;
use costs_engine::zombies::Suspect;
use costs_engine::{Allocation, Money, Outcome};

use crate::RenderError;
use crate::format::{CORE_HOUR, alone, decimals, duration, money, percent};
use crate::frame::{Frame, encoded};
use crate::tables::{CostTable, costs};

/// Lines of a table.
const TOP: usize = 40;

/// An attempt with its cost.
#[derive(Debug, Clone)]
pub struct AttemptLine {
    /// As its rows show it.
    pub suspect: Suspect,
    /// Its cost.
    pub cost: Money,
}

/// What the page shows.
pub struct Dag<'a> {
    /// Its id.
    pub dag_id: &'a str,
    /// Who owns it.
    pub owner: &'a str,
    /// Only this run.
    pub run: Option<&'a str>,
    /// By task.
    pub tasks: &'a Allocation,
    /// By run.
    pub runs: &'a Allocation,
    /// Its last attempts.
    pub attempts: &'a [AttemptLine],
}

struct AttemptRow {
    task: String,
    run: String,
    state: String,
    class: &'static str,
    worker: String,
    begin: String,
    took: String,
    cpu: String,
    cost: String,
}

#[derive(Template)]
#[template(path = "dag.html")]
struct Page<'a> {
    frame: &'a Frame,
    title: &'a str,
    dag_id: &'a str,
    owner: &'a str,
    run: Option<&'a str>,
    back: String,
    all_runs: String,
    total: String,
    waste: String,
    waste_percent: String,
    ended: String,
    per_attempt: String,
    tasks: CostTable,
    runs: CostTable,
    attempts: Vec<AttemptRow>,
}

impl Dag<'_> {
    /// The page.
    pub fn render(&self, frame: &Frame) -> Result<String, RenderError> {
        let query = frame.query();
        let here = format!("/dags/{}{query}", encoded(self.dag_id));
        let of_run = |line: &costs_engine::allocation::Line| {
            line.group.get(1).map(|run| format!("{here}&run_id={}", encoded(run))).unwrap_or_default()
        };
        let lines = &self.tasks.lines;
        let total: Money = lines.iter().map(costs_engine::allocation::Line::total).sum();
        let direct: Money = lines.iter().map(costs_engine::allocation::Line::direct).sum();
        let waste: Money = lines.iter().map(|line| line.waste).sum();
        let ended: i128 = lines.iter().map(|line| line.used.ended).sum();
        let per_attempt = total.portion(1, u128::try_from(ended).unwrap_or(0));
        let page = Page {
            frame,
            title: self.dag_id,
            dag_id: self.dag_id,
            owner: self.owner,
            run: self.run,
            back: format!("/{query}"),
            all_runs: here.clone(),
            total: alone(total, &frame.currency),
            waste: alone(waste, &frame.currency),
            waste_percent: percent(waste, direct),
            ended: crate::format::grouped(&ended.to_string()),
            per_attempt: alone(per_attempt, &frame.currency),
            tasks: costs(self.tasks, TOP, frame, |_| String::new()),
            runs: costs(self.runs, TOP, frame, of_run),
            attempts: self.attempts(frame),
        };
        page.render().map_err(RenderError::of("dag"))
    }

    fn attempts(&self, frame: &Frame) -> Vec<AttemptRow> {
        let digits = decimals(self.attempts.iter().map(|line| line.cost).max().unwrap_or_default());
        let row = |line: &AttemptLine| {
            let suspect = &line.suspect;
            let [_, task, run] = &suspect.ids;
            let map = if suspect.map_index < 0 { String::new() } else { format!(" [{}]", suspect.map_index) };
            let orphan = suspect.kind == domain::usage::UsageKind::Orphan;
            AttemptRow {
                task: format!("{task}{map} · attempt {}", suspect.try_number),
                run: run.clone(),
                state: if orphan { "orphan".to_owned() } else { suspect.state.clone() },
                class: match Outcome::of(&suspect.state) {
                    _ if orphan => "bad",
                    Outcome::Wasted => "bad",
                    Outcome::Useful => "good",
                    Outcome::Running => "live",
                },
                worker: suspect.worker.clone(),
                begin: costs_engine::window::minute_text(suspect.first_ms),
                took: duration(suspect.last_ms.saturating_sub(suspect.first_ms)),
                cpu: crate::format::tenths(suspect.total.cpu_ns, CORE_HOUR / 60),
                cost: money(line.cost, digits, &frame.currency),
            }
        };
        self.attempts.iter().map(row).collect()
    }
}
