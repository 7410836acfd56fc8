//! Is Airflow up, and its parts?

use reqwest::Method;
use serde::Deserialize;

use crate::{Client, Error, Step};

/// One part of Airflow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Component {
    /// `healthy`, `unhealthy`; absent when there is none.
    pub status: Option<String>,
}

impl Component {
    /// True when Airflow says so.
    pub fn is_healthy(&self) -> bool {
        self.status.as_deref() == Some("healthy")
    }
}

/// What `/api/v2/monitor/health` says. The heartbeats behind it are up to half a minute old.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Health {
    /// The metadata database.
    pub metadatabase: Component,
    /// The scheduler.
    pub scheduler: Component,
    /// The triggerer.
    #[serde(default)]
    pub triggerer: Component,
    /// The dag-processor.
    #[serde(default)]
    pub dag_processor: Option<Component>,
}

impl Client {
    /// Health; needs no token.
    pub async fn health(&self) -> Result<Health, Error> {
        let step = Step::Health;
        let response = self.repeat(step, &Method::GET, "/api/v2/monitor/health", None, None).await?;
        let bytes = response
            .bytes()
            .await
            .map_err(|source| Error::Unreachable { step, source: source.without_url() })?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step, source })
    }
}
