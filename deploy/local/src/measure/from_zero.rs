//! From no worker: a task is queued → it runs. Both times are Airflow's own (`queued_when`, `start_date`).

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::summary;
use crate::base;
use crate::demo::Watch;
use crate::failure::Failure;
use crate::progress::Progress;
use crate::state::State;

/// Idle time, drain and the workers' own end, on a loaded machine.
const TO_ZERO: Duration = Duration::from_mins(5);
/// A worker starts, the task runs.
const RUN: Duration = Duration::from_mins(3);
/// The DAG with the shortest way to its first task.
const DAG: &str = "model";

pub(super) async fn measure(state: &State, progress: &Progress, rounds: u32) -> Result<Value, Failure> {
    let base = base::ready(state, progress).await?;
    let watch = Watch::new(state, &base).await?;
    let mut samples = Vec::new();
    for round in 1..=rounds {
        let step = progress.step(&format!("round {round} of {rounds}"));
        watch.no_workers(TO_ZERO).await?;
        let run_id = format!("from-zero-{round}-{}", Timestamp::now().as_millisecond());
        watch.trigger(DAG, &run_id, json!({})).await?;
        watch.finished(DAG, &run_id, RUN).await?;
        let waited = waited(&watch, &run_id).await?;
        samples.push(waited);
        step.done(&format!("{:.2} s from queued to running", waited.as_secs_f64()));
    }
    Ok(json!({
        "what": "a task is queued with no worker → it runs (queued_when → start_date of Airflow's API)",
        "command": format!("updraft-local measure from-zero --rounds {rounds}"),
        "updraft": summary(&samples),
    }))
}

/// The time between queueing and start of the run's first task.
async fn waited(watch: &Watch<'_>, run_id: &str) -> Result<Duration, Failure> {
    let missing = Failure::Answer { program: "Airflow", field: "queued_when, start_date" };
    let tasks = watch.airflow.task_instances(DAG, run_id).await?;
    let time = |text: Option<&String>| text.and_then(|text| text.parse::<Timestamp>().ok());
    let queued = tasks.iter().filter_map(|task| time(task.queued_when.as_ref())).min();
    let started = tasks.iter().filter_map(|task| time(task.start_date.as_ref())).min();
    let (Some(queued), Some(started)) = (queued, started) else { return Err(missing) };
    Duration::try_from(started.duration_since(queued)).map_err(|_| missing)
}
