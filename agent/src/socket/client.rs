use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::control::WorkerStatus;

/// An agent answers from memory.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an agent was not asked.
#[derive(Debug, thiserror::Error)]
#[error("no agent answers at {}", path.display())]
pub struct ClientError {
    path: PathBuf,
    source: reqwest::Error,
}

/// `GET /v1/worker` of the agent at `socket`. Needs rustls's provider to be installed.
pub async fn status(socket: &Path) -> Result<WorkerStatus, ClientError> {
    let failed = |source| ClientError { path: socket.to_owned(), source };
    let client =
        reqwest::Client::builder().unix_socket(socket).no_proxy().timeout(TIMEOUT).build().map_err(failed)?;
    let answer = client.get("http://agent/v1/worker").send().await.map_err(failed)?;
    answer.error_for_status().map_err(failed)?.json().await.map_err(failed)
}
