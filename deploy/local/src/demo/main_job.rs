//! 42 tasks with zero workers: scale up, logs live, results.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde_json::json;

use super::seconds;
use super::verdict::Verdict;
use super::watch::{Watch, field};
use crate::failure::Failure;
use crate::process::until;
use crate::progress::Progress;

/// A worker from nothing, on a loaded machine.
const FIRST_TASK: Duration = Duration::from_mins(2);
/// A line of a running task, shipped and shown.
const LIVE: Duration = Duration::from_mins(1);
/// Forty short tasks: a slot is held five seconds by each (Airflow's own wait).
const FAN_OUT: Duration = Duration::from_mins(5);
/// Run of the two-minute DAG that the first part looks at.
pub(super) const LONG_RUN: &str = "demo-live";
const TASKS: usize = 42;
/// The runs of this part.
const RUNS: [(&str, &str); 3] = [("two_minutes", LONG_RUN), ("model", "demo-fit"), ("fan_out", "demo-forty")];

pub(super) async fn run(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let workers = watch.workers().await?;
    let step = progress.step("42 tasks with zero workers");
    let (started, triggered) = (Instant::now(), Timestamp::now());
    watch.trigger("two_minutes", LONG_RUN, json!({})).await?;
    watch.trigger("model", "demo-fit", json!({})).await?;
    watch.trigger("fan_out", "demo-forty", json!({})).await?;
    let queued = until("42 tasks are queued or running", FIRST_TASK, || async {
        let seen = tasks(watch).await.map_err(|failure| failure.to_string())?;
        if seen >= TASKS { Ok(seen) } else { Err(seen.to_string()) }
    })
    .await?;
    verdict.add(
        "42 tasks are queued while there is no worker",
        format!("{queued} tasks, {workers} workers at the trigger"),
        workers == 0,
    );
    let first = until("a task runs", FIRST_TASK, || async {
        first_start(watch)
            .await
            .map_err(|failure| failure.to_string())?
            .ok_or_else(|| "none has started".to_owned())
    })
    .await?;
    verdict.add(
        "workers scale up from zero by themselves",
        format!(
            "first task ran {} after the trigger",
            seconds(first.duration_since(triggered).unsigned_abs())
        ),
        true,
    );
    step.done(&format!("{} workers", watch.workers().await?));
    live(watch, progress, verdict).await?;
    let step = progress.step("results");
    let run = watch.finished("model", "demo-fit", FAN_OUT).await?;
    let fitted = watch.returned("model", "demo-fit", "fit").await?;
    verdict.add(
        "the task ran in the environment of requirements.txt",
        format!("pandas {}, scikit-learn {}", field(&fitted, "pandas"), field(&fitted, "scikit-learn")),
        run.state == "success" && field(&fitted, "scikit-learn") == "1.3.0",
    );
    let run = watch.finished("fan_out", "demo-forty", FAN_OUT).await?;
    let items = watch.airflow.task_instances("fan_out", "demo-forty").await?;
    let good = items.iter().filter(|task| task.state.as_deref() == Some("success")).count();
    verdict.add(
        "forty mapped tasks on a second queue succeed",
        format!("{good} of {} in {}", items.len(), seconds(started.elapsed())),
        run.state == "success"
            && good == 40
            && items.iter().all(|task| task.queue.as_deref() == Some("short")),
    );
    step.done("");
    Ok(())
}

/// When the first task of the three runs started, by Airflow's own clock.
async fn first_start(watch: &Watch<'_>) -> Result<Option<Timestamp>, Failure> {
    let mut first: Option<Timestamp> = None;
    for (dag_id, run_id) in RUNS {
        for task in watch.airflow.task_instances(dag_id, run_id).await? {
            let start = task.start_date.and_then(|text| text.parse::<Timestamp>().ok());
            first = first.into_iter().chain(start).min();
        }
    }
    Ok(first)
}

/// Task instances of the three runs that wait for or have a worker.
async fn tasks(watch: &Watch<'_>) -> Result<usize, Failure> {
    let mut seen = 0;
    for (dag_id, run_id) in RUNS {
        let tasks = watch.airflow.task_instances(dag_id, run_id).await?;
        seen += tasks.iter().filter(|task| task.queued_when.is_some()).count();
    }
    Ok(seen)
}

/// A line that the running task has just written is read through Airflow's API.
async fn live(watch: &Watch<'_>, progress: &Progress, verdict: &mut Verdict) -> Result<(), Failure> {
    let step = progress.step("logs live");
    let lines = until("a running task's lines are shown", LIVE, || async {
        let log = watch
            .airflow
            .log("two_minutes", LONG_RUN, "work", -1, 1)
            .await
            .map_err(|error| error.to_string())?;
        let lines = log.containing("tick ").count();
        if lines >= 3 { Ok(lines) } else { Err(format!("{lines} lines")) }
    })
    .await?;
    let parts = watch.log_parts("dag_id=two_minutes").await?;
    let tasks = watch.airflow.task_instances("two_minutes", LONG_RUN).await?;
    let running = tasks.iter().any(|task| task.task_id == "work" && task.state.as_deref() == Some("running"));
    verdict.add(
        "log lines are in S3 and shown while the task runs",
        format!("{lines} lines, {parts} objects, task {}", if running { "running" } else { "over" }),
        running && parts > 0,
    );
    step.done(&format!("{lines} lines while it runs"));
    Ok(())
}
