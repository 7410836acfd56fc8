//! Runs and their task instances.

use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use crate::client::Ask;
use crate::path::segment;
use crate::{Client, Error, Step};

/// A run of a DAG.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DagRun {
    /// Its id.
    pub dag_run_id: String,
    /// `queued`, `running`, `success`, `failed`.
    pub state: String,
    /// Version that all its tasks run: in Updraft the publication id. Airflow 2 has none.
    pub bundle_version: Option<String>,
}

impl DagRun {
    /// True when nothing more will happen.
    pub fn is_finished(&self) -> bool {
        matches!(self.state.as_str(), "success" | "failed")
    }
}

/// One task of a run (one of its mapped instances).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct TaskInstance {
    /// UUIDv7, new with every try; Airflow 2 has none.
    pub id: Option<String>,
    /// Task.
    pub task_id: String,
    /// -1 when not mapped.
    pub map_index: i64,
    /// Try, from 1; 0 before the first.
    pub try_number: u32,
    /// Absent before it is scheduled.
    pub state: Option<String>,
    /// Celery queue.
    pub queue: Option<String>,
    /// Host that runs it.
    pub hostname: Option<String>,
    /// Pid of the task process.
    pub pid: Option<i64>,
    /// RFC 3339: sent to the queue.
    pub queued_when: Option<String>,
    /// RFC 3339: started to run.
    pub start_date: Option<String>,
    /// RFC 3339: ended.
    pub end_date: Option<String>,
}

impl TaskInstance {
    /// True when it has ended, in whatever way.
    pub fn is_finished(&self) -> bool {
        matches!(
            self.state.as_deref(),
            Some("success" | "failed" | "skipped" | "upstream_failed" | "removed")
        )
    }
}

#[derive(Deserialize)]
struct TaskInstances {
    task_instances: Vec<TaskInstance>,
}

#[derive(Deserialize)]
struct DagRuns {
    dag_runs: Vec<DagRun>,
}

#[derive(Deserialize)]
struct XCom {
    value: Value,
}

/// Airflow's own limit of a page.
const PAGE: u32 = 100;

impl Client {
    /// Start a run. A run of this id that exists is a refusal (409).
    pub async fn trigger(&self, dag_id: &str, run_id: &str, conf: Value) -> Result<DagRun, Error> {
        let body = self.api().await?.new_run(run_id, &conf);
        let path = format!("/dags/{}/dagRuns", segment(dag_id));
        self.json(Ask { method: Method::POST, body: Some(body), ..Ask::get(Step::Trigger, path) }).await
    }

    /// One run.
    pub async fn run(&self, dag_id: &str, run_id: &str) -> Result<DagRun, Error> {
        self.get(Step::Run, run_path(dag_id, run_id)).await
    }

    /// Runs of a DAG, at most 100.
    pub async fn runs(&self, dag_id: &str) -> Result<Vec<DagRun>, Error> {
        let path = format!("/dags/{}/dagRuns?limit={PAGE}", segment(dag_id));
        Ok(self.get::<DagRuns>(Step::Run, path).await?.dag_runs)
    }

    /// Task instances of a run, at most 100.
    pub async fn task_instances(&self, dag_id: &str, run_id: &str) -> Result<Vec<TaskInstance>, Error> {
        let path = format!("{}/taskInstances?limit={PAGE}", run_path(dag_id, run_id));
        Ok(self.get::<TaskInstances>(Step::Tasks, path).await?.task_instances)
    }

    /// What an unmapped task returned.
    pub async fn returned(&self, dag_id: &str, run_id: &str, task_id: &str) -> Result<Value, Error> {
        let path = format!(
            "{}/taskInstances/{}/xcomEntries/return_value{}",
            run_path(dag_id, run_id),
            segment(task_id),
            self.api().await?.xcom_value()
        );
        Ok(self.get::<XCom>(Step::Tasks, path).await?.value)
    }
}

pub(crate) fn run_path(dag_id: &str, run_id: &str) -> String {
    format!("/dags/{}/dagRuns/{}", segment(dag_id), segment(run_id))
}
