//! What a worker's agent and whoever drains it say to each other over the agent's local socket.
//!
//! `GET /v1/worker` answers [`WorkerStatus`]; `POST /v1/drain` takes [`DrainRequest`] and answers the new status.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Version of [`WorkerStatus`].
pub const SCHEMA: u32 = 1;

/// Asks for a drain, or takes it back. A request with an epoch not above the last seen one is ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DrainRequest {
    /// Grows with every request.
    pub epoch: u64,
    /// Take the drain back: consume again.
    #[serde(default)]
    pub cancel: bool,
}

/// Where a worker stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WorkerState {
    /// Environments are made ready, the process starts.
    Starting,
    /// Consumes its queues.
    Ready,
    /// Consumes no more, tasks finish.
    Draining,
    /// No task is left and none will come.
    Drained,
    /// The worker process has ended.
    Stopped,
    /// Cannot go on; `reason` says why.
    Failed,
}

/// The state of one worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerStatus {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Celery node name, `celery@<pod>`.
    pub worker: String,
    /// State.
    pub state: WorkerState,
    /// Last drain epoch seen; 0 before the first.
    pub epoch: u64,
    /// Tasks running.
    pub active: u32,
    /// Tasks taken from the queue, not yet running.
    pub reserved: u32,
    /// Unix milliseconds at which `state` was entered.
    pub since_ms: u64,
    /// Why, for `failed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
