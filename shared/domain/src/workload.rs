//! What Airflow's Celery messages and worker log lines say about a task, decoded once for all parts.

use serde::{Deserialize, Serialize};

/// The task instance of an `ExecuteTask` workload (Airflow 3). Unknown fields are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskInstance {
    /// UUIDv7, new with every try.
    pub id: String,
    /// DAG.
    pub dag_id: String,
    /// Task.
    pub task_id: String,
    /// Run.
    pub run_id: String,
    /// Try, from 1.
    pub try_number: u32,
    /// -1 when the task is not mapped.
    #[serde(default = "unmapped")]
    pub map_index: i64,
    /// Celery queue.
    #[serde(default)]
    pub queue: Option<String>,
}

const fn unmapped() -> i64 {
    -1
}

/// The bundle that a workload's DAG file comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleInfo {
    /// Bundle name, in Updraft the repository's.
    pub name: String,
    /// Publication id; absent for unversioned bundles.
    #[serde(default)]
    pub version: Option<String>,
}

/// A workload as it stands in a Celery message. Types other than `ExecuteTask` have no task instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workload {
    /// `ExecuteTask`, `ExecuteCallback`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The task instance, for `ExecuteTask`.
    #[serde(default)]
    pub ti: Option<TaskInstance>,
    /// Path of the log below the log folder.
    #[serde(default)]
    pub log_path: Option<String>,
    /// The bundle.
    #[serde(default)]
    pub bundle_info: Option<BundleInfo>,
}
