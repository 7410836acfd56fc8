//! Back to zero, and nothing was killed on the way.

use std::time::{Duration, Instant};

use super::bill::Bill;
use super::main_job::LONG_RUN;
use super::seconds;
use super::verdict::Verdict;
use super::watch::{DAGS, Watch};
use crate::failure::Failure;
use crate::progress::Progress;

/// The rest of the first two-minute run.
const LAST_RUN: Duration = Duration::from_mins(5);
/// Idle time, drain, the worker's own end.
const TO_ZERO: Duration = Duration::from_mins(3);

pub(super) async fn to_zero(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let step = progress.step("drain to zero");
    watch.finished("two_minutes", LONG_RUN, LAST_RUN).await?;
    let started = Instant::now();
    watch.no_workers(TO_ZERO).await?;
    verdict.add(
        "workers are drained to zero",
        format!("{} after the last task", seconds(started.elapsed())),
        true,
    );
    let (mut tasks, mut bad) = (0, Vec::new());
    for dag_id in DAGS {
        for run in watch.airflow.runs(dag_id).await? {
            for task in watch.airflow.task_instances(dag_id, &run.dag_run_id).await? {
                tasks += 1;
                // The one task that was killed on purpose.
                let tries = if dag_id == "lost" { 2 } else { 1 };
                if task.state.as_deref() != Some("success") || task.try_number != tries {
                    bad.push(format!("{dag_id}.{}", task.task_id));
                }
            }
        }
    }
    let told = if bad.is_empty() {
        "all succeeded, all at their first try but the one killed on purpose".to_owned()
    } else {
        bad.join(", ")
    };
    verdict.add("Updraft killed no task", format!("{tasks} tasks: {told}"), bad.is_empty() && tasks > 0);
    step.done("");
    Ok(())
}

/// The whole bill: workers = tasks + overhead + idle and what is nobody's.
pub(super) async fn adds_up(watch: &Watch<'_>, verdict: &mut Verdict) -> Result<(), Failure> {
    let report = Bill::new(watch.state).report().await?;
    let amount = |name: &str| report.totals.get(name).map_or("(missing)", String::as_str);
    let (identity, currency) = (&report.identity, &report.currency);
    verdict.add(
        "the bill adds up: tasks + orphans + overhead + idle = workers",
        format!(
            "{} + {} + {} + {} + {} of {} {currency}; {} workers, error {} ppm, unattributed {} ppm of CPU, {} of memory",
            amount("tasks"),
            amount("orphans"),
            amount("overhead"),
            amount("idle_empty_slots"),
            amount("idle_busy_slots"),
            amount("workers"),
            identity.workers.len(),
            identity.worst_error_ppm,
            identity.cpu_ns.unattributed_ppm,
            identity.mem_byte_s.unattributed_ppm,
        ),
        identity.holds && !identity.workers.is_empty(),
    );
    Ok(())
}
