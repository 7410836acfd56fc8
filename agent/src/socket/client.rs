use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::control::WorkerStatus;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::status::{Overview, Repository};
use crate::usage::Report;

/// An agent answers from memory.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Why an agent was not asked.
#[derive(Debug, thiserror::Error)]
#[error("no agent answers at {}", path.display())]
pub struct ClientError {
    path: PathBuf,
    source: reqwest::Error,
}

#[derive(Deserialize)]
struct Health {
    #[serde(default)]
    repositories: BTreeMap<String, Repository>,
}

/// Asks the agent at `socket` for everything. Needs rustls's provider to be installed.
pub async fn overview(socket: &Path) -> Result<Overview, ClientError> {
    let failed = |source| ClientError { path: socket.to_owned(), source };
    let client =
        reqwest::Client::builder().unix_socket(socket).no_proxy().timeout(TIMEOUT).build().map_err(failed)?;
    let worker: WorkerStatus = get(&client, "/v1/worker").await.map_err(failed)?;
    // An agent of an earlier version does not know it.
    let usage: Option<Report> = get(&client, "/v1/usage").await.ok();
    let health: Health = get(&client, "/v1/health").await.map_err(failed)?;
    Ok(Overview { worker, usage, repositories: health.repositories })
}

async fn get<T: DeserializeOwned>(client: &reqwest::Client, path: &str) -> Result<T, reqwest::Error> {
    client.get(format!("http://agent{path}")).send().await?.error_for_status()?.json().await
}
