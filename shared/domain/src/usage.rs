//! Usage records: one row per attempt and minute.
//!
//! For one worker and one minute, `task + callback + orphan + overhead + idle + unattributed = worker`: the rows of
//! kind `worker` are the minuend, written from an own measurement and not as the sum of the others, so that the
//! identity can fail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of [`UsageRecord`]. 2: kind `worker`, columns `slots` and `log_bytes`.
pub const SCHEMA: u32 = 2;

/// What the resources were used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageKind {
    /// A task instance's attempt.
    Task,
    /// A callback.
    Callback,
    /// The worker's and the agent's own processes.
    Overhead,
    /// What of the worker's allotment nobody used.
    Idle,
    /// Processes of a finished attempt that are still alive.
    Orphan,
    /// Measured, but not assignable.
    Unattributed,
    /// The whole worker: the greater of its allotment (CPUs and memory over the window) and what its process tree
    /// was measured to use.
    Worker,
}

/// How the figures were obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UsageQuality {
    /// From kernel counters over the whole life.
    Exact,
    /// From samples.
    Sampled,
}

/// One row. Counters are deltas over the window, which for a task begins and ends with its attempt; a row is
/// idempotent by `(writer, seq)`. A row that is sent live while its window is open is sent again with the same `seq`
/// and a later `window_end`; files in the store hold closed windows only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[expect(missing_docs, reason = "the column names are the documentation; contracts fix them")]
pub struct UsageRecord {
    pub schema: u32,
    pub writer: String,
    pub seq: u64,
    /// Unix milliseconds.
    pub window_start: u64,
    /// Unix milliseconds.
    pub window_end: u64,
    pub cluster: String,
    pub node: String,
    pub pod: String,
    pub worker: String,
    pub pool: String,
    pub queue: String,
    /// Airflow's version.
    pub airflow: String,
    pub dag_id: String,
    pub task_id: String,
    pub run_id: String,
    pub map_index: i64,
    pub try_number: u32,
    pub ti_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env_id: Option<crate::EnvId>,
    pub state: String,
    pub cpu_user_ns: u64,
    pub cpu_system_ns: u64,
    pub mem_byte_s: u64,
    pub mem_peak_bytes: u64,
    pub io_read_bytes: u64,
    pub io_write_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_ns: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu_mem_byte_s: Option<u64>,
    pub processes_peak: u32,
    /// Slots held over the window: of a task 1, of a worker all it has, else 0.
    pub slots: u32,
    /// Growth of the attempt's log.
    pub log_bytes: u64,
    pub kind: UsageKind,
    pub quality: UsageQuality,
}
