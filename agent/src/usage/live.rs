//! Usage as it happens, to the cost service. The store has everything; what is not taken here is no loss.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use daemon::CancellationToken;
use domain::UsageRecord;
use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::measured::Usage;

/// Version of the request and the answer.
const SCHEMA: u32 = 1;
/// Between two sends.
const EVERY: Duration = Duration::from_secs(10);
/// A cost service that takes longer is away.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Rows of one request; a backlog takes several turns.
const ROWS: usize = 2_000;

/// Why rows were not taken; they are sent again.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The client cannot be built.
    #[error("the client for live usage cannot be built")]
    Client(#[source] reqwest::Error),
    /// The rows could not be packed.
    #[error("usage rows cannot be packed")]
    Pack(#[source] std::io::Error),
    /// No answer.
    #[error("the cost service does not answer")]
    Send(#[source] reqwest::Error),
    /// It refused.
    #[error("the cost service refused with {status}")]
    Refused {
        /// Its answer's status.
        status: StatusCode,
    },
}

impl LiveError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Refused { status: StatusCode::UNAUTHORIZED } => {
                Some("set UPDRAFT_COSTS_TOKEN to the token that the cost service was started with")
            }
            Self::Send(_) => {
                Some("see whether UPDRAFT_COSTS_URL is right; until then rows go to the store only")
            }
            _ => None,
        }
    }
}

#[derive(Serialize)]
struct Batch<'a> {
    schema: u32,
    records: &'a [UsageRecord],
}

#[derive(Deserialize)]
struct Answer {
    acknowledged: Vec<Acknowledged>,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Acknowledged {
    writer: String,
    seq: u64,
}

/// The way to the cost service.
#[derive(Debug)]
pub struct Live {
    client: reqwest::Client,
    url: String,
    token: Option<SecretString>,
}

impl Live {
    /// To the service at `url`. Needs rustls's provider to be installed.
    pub fn new(url: &str, token: Option<SecretString>) -> Result<Self, LiveError> {
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(LiveError::Client)?;
        Ok(Self { client, url: format!("{}/v1/usage", url.trim_end_matches('/')), token })
    }

    /// Sends until `stop`, and once more.
    pub async fn run(&self, usage: Arc<Usage>, stop: CancellationToken) {
        let mut failures = 0_u32;
        loop {
            let stopped = stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none();
            match self.send(&usage).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!(failures, "live usage is taken again");
                    }
                    failures = 0;
                }
                Err(error) => {
                    failures = failures.saturating_add(1);
                    metrics::counter!("updraft_agent_usage_live_failures_total").increment(1);
                    // The first, the second, the fourth, …
                    if failures.is_power_of_two() {
                        let hint = error.hint().unwrap_or("none");
                        tracing::warn!(
                            error = daemon::chain(&error),
                            failures,
                            hint,
                            "live usage is not taken"
                        );
                    }
                }
            }
            if stopped {
                return;
            }
        }
    }

    async fn send(&self, usage: &Usage) -> Result<(), LiveError> {
        let rows = usage.live_rows(ROWS);
        let mut request = self
            .client
            .post(&self.url)
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip")
            .body(pack(&rows).map_err(LiveError::Pack)?);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let answer = request.send().await.map_err(LiveError::Send)?;
        if !answer.status().is_success() {
            return Err(LiveError::Refused { status: answer.status() });
        }
        let answer: Answer = answer.json().await.map_err(LiveError::Send)?;
        let known: BTreeSet<_> = answer.acknowledged.into_iter().collect();
        // A row that was sent open and has closed since is not what the service has.
        let taken: BTreeSet<_> = rows
            .iter()
            .filter(|row| known.contains(&Acknowledged { writer: row.writer.clone(), seq: row.seq }))
            .map(|row| (row.writer.clone(), row.seq, row.window_end, row.state.clone()))
            .collect();
        usage.acknowledged(|row| {
            taken.contains(&(row.writer.clone(), row.seq, row.window_end, row.state.clone()))
        });
        Ok(())
    }
}

fn pack(rows: &[UsageRecord]) -> std::io::Result<Vec<u8>> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&serde_json::to_vec(&Batch { schema: SCHEMA, records: rows })?)?;
    packed.finish()
}
