//! `updraft-autoscaler explain`: what was observed, what was decided, what capped it.

use std::fmt::Write as _;

use autoscaler_plan::{Action, Phase, Worker};

use crate::snapshot::Snapshot;

/// A snapshot older than this says that no autoscaler runs.
const STALE_AFTER_MS: u64 = 10_000;

/// The explanation for people.
pub fn text(snapshot: &Snapshot, now_ms: u64) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if write(&mut text, snapshot, now_ms).is_err() {
        text.push('…');
    }
    text
}

fn write(text: &mut String, snapshot: &Snapshot, now_ms: u64) -> std::fmt::Result {
    let plan = &snapshot.plan;
    let wanted = plan.wanted.map_or("?".to_owned(), |wanted| wanted.to_string());
    let policy = &snapshot.policy;
    writeln!(
        text,
        "pool {}: wanted {wanted}, there {}, live {} (min {}, max {})",
        snapshot.pool, plan.capacity, plan.live, policy.min, policy.max
    )?;
    let age_ms = now_ms.saturating_sub(snapshot.at_ms);
    if age_ms > STALE_AFTER_MS {
        writeln!(text, "this is {} s old: no autoscaler runs for this pool", age_ms / 1000)?;
    }
    writeln!(text, "\nwhy")?;
    for reason in &plan.reasons {
        writeln!(text, "  {reason}")?;
    }
    writeln!(text, "\nworkers")?;
    if snapshot.facts.workers.is_empty() {
        writeln!(text, "  none")?;
    }
    for worker in &snapshot.facts.workers {
        writeln!(text, "  {}", line(worker, now_ms))?;
    }
    if !snapshot.decisions.is_empty() {
        writeln!(text, "\nlatest decisions")?;
    }
    for decision in snapshot.decisions.iter().rev().take(5) {
        let done: Vec<String> = decision.actions.iter().map(action).collect();
        writeln!(text, "  {} s ago: {}", now_ms.saturating_sub(decision.at_ms) / 1000, done.join(", "))?;
        writeln!(text, "    {}", decision.reasons.join("; "))?;
    }
    let counters = &snapshot.counters;
    writeln!(
        text,
        "\ntotals: {} started, {} drained, {} taken back, {} crashed, {} agents started again, \
         {} drains over their limit",
        counters.started,
        counters.drained,
        counters.undrained,
        counters.crashed,
        counters.restarted,
        counters.overdue
    )
}

fn line(worker: &Worker, now_ms: u64) -> String {
    let busy = worker.busy.map_or("tasks not known".to_owned(), |busy| format!("{busy} running"));
    let since_s = now_ms.saturating_sub(worker.since_ms) / 1000;
    let state = match worker.phase {
        Phase::Starting => "starts",
        Phase::Ready => "takes tasks",
        Phase::Draining => "drains: takes nothing new, its tasks go on",
        Phase::Drained => "is drained and can be ended",
        Phase::Stopping => "was told to end",
        Phase::Failed => "cannot go on by its own words",
        Phase::Silent => {
            "does not answer (counts as there: its agent may be starting again beside running tasks)"
        }
    };
    format!("{} {state}, for {since_s} s; {busy}", worker.name)
}

fn action(action: &Action) -> String {
    match action {
        Action::Undrain { worker } => format!("took {worker} back"),
        Action::Start { count } => format!("started {count}"),
        Action::Drain { worker } => format!("drained {worker}"),
        Action::Stop { worker, .. } => format!("stopped {worker}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use autoscaler_plan::{Demand, Facts, Policy, plan};

    #[test]
    fn an_explanation_names_what_was_seen_decided_and_capped() {
        let policy = Policy { slots_per_worker: 4, max: 3, ..Policy::default() };
        let mut snapshot = Snapshot::new("default", &policy);
        let worker = Worker {
            name: "default-a".into(),
            phase: Phase::Ready,
            busy: Some(3),
            started_ms: 1_000,
            since_ms: 9_000,
        };
        let demand = Demand { ready: 40, duplicates: 2, in_flight: 3, ..Demand::default() };
        let facts = Facts { demand: Some(demand), workers: vec![worker], ..Facts::default() };
        let decided = plan(&facts, &policy, &mut snapshot.state, 20_000);
        snapshot.take(facts, decided, 20_000);
        insta::assert_snapshot!(text(&snapshot, 21_000), @"
        pool default: wanted 3, there 1, live 1 (min 0, max 3)

        why
          40 tasks waiting, 3 running on workers that stay; the next one has waited 0.0 s
          not counted: 2 messages for work already counted (sent again by the scheduler)
          a slot for each of 40 waiting tasks: how long tasks take is not known yet
          43 slots needed: 11 workers of 4
          capped at the maximum of 3 (11 would be needed)
          2 to start

        workers
          default-a takes tasks, for 12 s; 3 running

        latest decisions
          1 s ago: started 2
            40 tasks waiting, 3 running on workers that stay; the next one has waited 0.0 s; not counted: 2 messages for work already counted (sent again by the scheduler); a slot for each of 40 waiting tasks: how long tasks take is not known yet; 43 slots needed: 11 workers of 4; capped at the maximum of 3 (11 would be needed); 2 to start

        totals: 0 started, 0 drained, 0 taken back, 0 crashed, 0 agents started again, 0 drains over their limit
        ");
    }

    #[test]
    fn an_old_one_says_so() {
        let snapshot = Snapshot::new("default", &Policy::default());
        insta::assert_snapshot!(text(&snapshot, 60_000), @"
        pool default: wanted ?, there 0, live 0 (min 0, max 10)
        this is 60 s old: no autoscaler runs for this pool

        why

        workers
          none

        totals: 0 started, 0 drained, 0 taken back, 0 crashed, 0 agents started again, 0 drains over their limit
        ");
    }
}
