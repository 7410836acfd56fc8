//! Is Airflow up, and its parts?

use serde::Deserialize;

use crate::client::{Ask, Proof, unreachable};
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

/// What Airflow says of itself. The heartbeats behind it are up to half a minute old.
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
        let (step, api) = (Step::Health, self.api().await?);
        let path = format!("{}{}", api.prefix(), api.health());
        let response = self.repeat(&Ask::get(step, path), Proof::Nothing).await?;
        let bytes = response.bytes().await.map_err(|source| unreachable(step, source))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step, source })
    }
}
