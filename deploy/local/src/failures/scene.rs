//! What every row needs: a task to fail under, its attempts, its log in the store, and pids to kill.

use std::time::Duration;

use airflow_api::TaskInstance;
use serde_json::{Value, json};

use crate::demo::Watch;
use crate::failure::Failure;
use crate::fleet::{self, Worker, processes};
use crate::process::until;
use crate::services;

/// The DAG of all rows.
pub(super) const DAG: &str = "ticks";
const TASK: &str = "work";
/// A worker starts, a task runs and its log is in the store, on a loaded machine.
const BEGINS: Duration = Duration::from_mins(2);
/// Ticks after which a task counts as running well.
const WARM_TICKS: usize = 3;

/// One machine, up, with the repository of the failures published.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub watch: Watch<'a>,
    /// The volume lies on a small disk of its own, which may be filled.
    pub own_disk: bool,
}

impl Scene<'_> {
    /// Starts a run and waits until its task ticks in the store.
    pub(super) async fn begin(&self, name: &str, conf: Value) -> Result<String, Failure> {
        let run = self.trigger(name, conf).await?;
        let what = format!("the task of {run} ticks");
        until(&what, BEGINS, || async {
            let seen = self.ticks(&run, 1).await.map_err(|failure| failure.to_string())?.len();
            if seen >= WARM_TICKS { Ok(()) } else { Err(format!("{seen} ticks")) }
        })
        .await?;
        Ok(run)
    }

    /// Starts a run.
    pub(super) async fn trigger(&self, name: &str, conf: Value) -> Result<String, Failure> {
        let run = format!("{name}-{}", jiff::Timestamp::now().as_millisecond());
        self.watch.trigger(DAG, &run, conf).await?;
        Ok(run)
    }

    /// A short run: everything works.
    pub(super) async fn works(&self, name: &str, deadline: Duration) -> Result<(), Failure> {
        let run = self.trigger(name, json!({"seconds": 1})).await?;
        self.succeeds(&run, deadline).await.map(drop)
    }

    /// Waits for the end of a run, which must be a success; the try that succeeded.
    pub(super) async fn succeeds(&self, run: &str, deadline: Duration) -> Result<u32, Failure> {
        let ended = self.watch.finished(DAG, run, deadline).await?;
        if ended.state != "success" {
            return Err(Failure::Unexpected { what: format!("run {run}"), seen: ended.state });
        }
        Ok(self.instance(run).await?.try_number)
    }

    /// The task as Airflow has it now.
    pub(super) async fn instance(&self, run: &str) -> Result<TaskInstance, Failure> {
        let tasks = self.watch.airflow.task_instances(DAG, run).await?;
        tasks.into_iter().next().ok_or(Failure::Answer { program: "Airflow", field: "task instance" })
    }

    /// Waits until the second try of a run's task runs.
    pub(super) async fn second_try(&self, run: &str, deadline: Duration) -> Result<(), Failure> {
        until(&format!("the second try of {run} runs"), deadline, || async {
            let task = self.instance(run).await.map_err(|failure| failure.to_string())?;
            let state = task.state.unwrap_or_default();
            let runs = task.try_number == 2 && matches!(state.as_str(), "running" | "success");
            if runs { Ok(()) } else { Err(format!("try {} {state}", task.try_number)) }
        })
        .await
    }

    /// The ticks of an attempt that are in the store, in the order in which they lie there.
    pub(super) async fn ticks(&self, run: &str, attempt: u32) -> Result<Vec<usize>, Failure> {
        Ok(self.log(run, attempt).await?.lines().filter_map(tick).collect())
    }

    /// The log of an attempt as it lies in the store.
    pub(super) async fn log(&self, run: &str, attempt: u32) -> Result<String, Failure> {
        let store = services::log_store(self.watch.state)?;
        let prefix = format!("dag_id={DAG}/run_id={run}/task_id={TASK}/attempt={attempt}.log.");
        let mut keys: Vec<String> = store.list(&prefix).await?.into_iter().map(|listed| listed.key).collect();
        keys.sort();
        let mut text = String::new();
        for key in keys {
            if let Some(object) = store.get(&key).await? {
                text.push_str(&String::from_utf8_lossy(&object.bytes));
            }
        }
        Ok(text)
    }

    /// Every worker of the fleet.
    pub(super) fn workers(&self) -> Vec<Worker> {
        fleet::workers(self.watch.state, "default")
    }

    /// The worker that runs a run's task, with the pids of pool child and task runner.
    pub(super) async fn where_it_runs(&self, run: &str) -> Result<(Worker, u32, u32), Failure> {
        let id = self.instance(run).await?.id.unwrap_or_default();
        let wanted = format!("airflow worker -- {id}");
        let missing =
            || Failure::Unexpected { what: format!("the processes of {run}"), seen: "none".to_owned() };
        let (runner, child) = processes()
            .into_iter()
            .find(|process| process.title == wanted)
            .map(|process| (process.pid, process.parent))
            .ok_or_else(missing)?;
        let main = processes().into_iter().find(|process| process.pid == child).ok_or_else(missing)?.parent;
        let worker = self.workers().into_iter().find(|worker| worker.celery == Some(main));
        Ok((worker.ok_or_else(missing)?, child, runner))
    }
}

/// `tick 17` somewhere in a log line.
fn tick(line: &str) -> Option<usize> {
    let after = &line[line.find("tick ")? + 5..];
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok()
}

/// Every tick once and in order, from the first.
pub(super) fn whole(ticks: &[usize]) -> bool {
    !ticks.is_empty() && ticks.iter().enumerate().all(|(index, tick)| index == *tick)
}

#[cfg(test)]
mod tests {
    use super::{tick, whole};

    #[test]
    fn ticks_are_read_and_counted() {
        let line = r#"{"timestamp":"2026","event":"tick 12","logger":"task.stdout"}"#;
        assert_eq!((tick(line), tick("no such thing")), (Some(12), None));
        assert!(whole(&[0, 1, 2]) && !whole(&[]) && !whole(&[0, 2]) && !whole(&[0, 1, 1]));
    }
}
