//! A worker agent's socket, as its client.

use std::path::Path;
use std::time::Duration;

use domain::control::{DrainRequest, SCHEMA, WorkerStatus};

/// How long one answer may take. Agents answer from memory; a look must fit into a tick.
const STATUS_TIMEOUT: Duration = Duration::from_millis(200);
/// A drain request makes the agent talk to its worker.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Why an agent did not answer.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The client cannot be made.
    #[error("no client for an agent's socket")]
    Client(#[source] reqwest::Error),
    /// No answer, or not one of this API.
    #[error("{operation}: the agent does not answer as expected")]
    Call {
        /// The step that failed.
        operation: &'static str,
        /// Why.
        source: reqwest::Error,
    },
    /// The agent speaks another version.
    #[error("the agent answers schema {found}, expected {SCHEMA}")]
    Schema {
        /// What it answered.
        found: u32,
    },
}

/// The client of one agent.
#[derive(Debug, Clone)]
pub struct Agent(reqwest::Client);

impl Agent {
    /// A client; connects with the first call. Needs rustls's provider to be installed.
    pub fn new(socket: &Path) -> Result<Self, AgentError> {
        let client = reqwest::Client::builder()
            .unix_socket(socket)
            .no_proxy()
            .timeout(STATUS_TIMEOUT)
            .build()
            .map_err(AgentError::Client)?;
        Ok(Self(client))
    }

    /// `GET /v1/worker`.
    pub async fn status(&self) -> Result<WorkerStatus, AgentError> {
        const OPERATION: &str = "asking for the status";
        let request = self.0.get("http://agent/v1/worker");
        read(OPERATION, request).await
    }

    /// `POST /v1/drain`.
    pub async fn drain(&self, drain: &DrainRequest) -> Result<WorkerStatus, AgentError> {
        const OPERATION: &str = "asking for a drain";
        let request = self.0.post("http://agent/v1/drain").json(drain).timeout(DRAIN_TIMEOUT);
        read(OPERATION, request).await
    }
}

async fn read(operation: &'static str, request: reqwest::RequestBuilder) -> Result<WorkerStatus, AgentError> {
    let failed = |source| AgentError::Call { operation, source };
    let response = request.send().await.map_err(failed)?.error_for_status().map_err(failed)?;
    let status: WorkerStatus = response.json().await.map_err(failed)?;
    if status.schema == SCHEMA { Ok(status) } else { Err(AgentError::Schema { found: status.schema }) }
}
