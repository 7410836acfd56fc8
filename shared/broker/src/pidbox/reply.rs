//! Answers of workers, typed.

use domain::TaskCommand;
use domain::workload::Workload;
use serde::Deserialize;
use serde_json::Value;

use crate::message::workload;

/// A task that a worker runs or has taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Celery's id.
    pub celery_id: String,
    /// Celery's task name.
    pub task: String,
    /// The workload, on Airflow 3.
    pub workload: Option<Box<Workload>>,
    /// The command line, on Airflow 2.
    pub command: Option<Vec<String>>,
    /// The queue it came from.
    pub queue: Option<String>,
    /// Pid of the pool child, as the worker's container sees it; `None` while it does not run.
    pub worker_pid: Option<u32>,
    /// When it started (Unix milliseconds); `None` while it does not run.
    pub started_ms: Option<u64>,
}

impl TaskRow {
    /// What tells this work apart from others: the task instance's id on Airflow 3, DAG, task, run and map index
    /// on Airflow 2, Celery's id of anything else.
    pub fn work_id(&self) -> String {
        let instance = self.workload.as_ref().and_then(|workload| workload.ti.as_ref());
        let command = self.command.as_deref().and_then(TaskCommand::parse);
        match (instance, command) {
            (Some(instance), _) => instance.id.clone(),
            (None, Some(command)) => command.to_string(),
            (None, None) => self.celery_id.clone(),
        }
    }
}

/// Pool and counters of a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stats {
    /// Pid of the main process, as its container sees it.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Slots as started; not changed by pool_grow and pool_shrink.
    pub max_concurrency: u32,
    /// Pids of the pool's children: the true number of slots.
    pub processes: Vec<u32>,
    /// Messages the worker may hold; grows with late acknowledgement over days.
    pub prefetch_count: u32,
    /// Tasks accepted since it started, of all kinds.
    pub accepted: u64,
}

/// Splits `{"error": …}` from an answer and decodes the rest.
pub(super) fn read<T>(answer: Value, decode: fn(Value) -> Option<T>) -> Result<T, String> {
    if let Some(error) = answer.get("error") {
        return Err(error.as_str().map_or_else(|| error.to_string(), str::to_owned));
    }
    decode(answer).ok_or_else(|| "an answer that is not understood".to_owned())
}

pub(super) fn queue_names(answer: Value) -> Option<Vec<String>> {
    #[derive(Deserialize)]
    struct Queue {
        name: String,
    }
    // A worker without any queue answers null.
    let queues: Option<Vec<Queue>> = serde_json::from_value(answer).ok()?;
    Some(queues.unwrap_or_default().into_iter().map(|queue| queue.name).collect())
}

pub(super) fn tasks(answer: Value) -> Option<Vec<TaskRow>> {
    let rows: Vec<Row> = serde_json::from_value(answer).ok()?;
    Some(rows.into_iter().map(TaskRow::from).collect())
}

pub(super) fn stats(answer: Value) -> Option<Stats> {
    #[derive(Deserialize)]
    struct Raw {
        pid: u32,
        #[serde(default)]
        uptime: u64,
        #[serde(default)]
        prefetch_count: u32,
        #[serde(default)]
        total: std::collections::BTreeMap<String, u64>,
        pool: Pool,
    }
    #[derive(Deserialize)]
    struct Pool {
        #[serde(rename = "max-concurrency", default)]
        max_concurrency: u32,
        #[serde(default)]
        processes: Vec<u32>,
    }
    let raw: Raw = serde_json::from_value(answer).ok()?;
    Some(Stats {
        pid: raw.pid,
        uptime_s: raw.uptime,
        max_concurrency: raw.pool.max_concurrency,
        processes: raw.pool.processes,
        prefetch_count: raw.prefetch_count,
        accepted: raw.total.values().sum(),
    })
}

#[derive(Deserialize)]
struct Row {
    id: String,
    name: String,
    #[serde(default)]
    args: Value,
    #[serde(default)]
    time_start: Option<f64>,
    #[serde(default)]
    worker_pid: Option<u32>,
    #[serde(default)]
    delivery_info: DeliveryInfo,
}

#[derive(Deserialize, Default)]
struct DeliveryInfo {
    #[serde(default)]
    routing_key: Option<String>,
}

impl From<Row> for TaskRow {
    fn from(row: Row) -> Self {
        let first = row.args.get(0);
        let workload = first.and_then(Value::as_str).and_then(workload).map(|(workload, _)| workload);
        let command = first
            .filter(|first| first.is_array())
            .and_then(|first| serde_json::from_value(first.clone()).ok());
        Self {
            celery_id: row.id,
            task: row.name,
            workload,
            command,
            queue: row.delivery_info.routing_key,
            worker_pid: row.worker_pid,
            started_ms: row.time_start.and_then(milliseconds),
        }
    }
}

/// Unix seconds with a fraction, as Python writes them, to whole milliseconds.
fn milliseconds(seconds: f64) -> Option<u64> {
    u64::try_from(std::time::Duration::try_from_secs_f64(seconds).ok()?.as_millis()).ok()
}
