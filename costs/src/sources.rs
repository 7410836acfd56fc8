//! Opening what a command reads: store, prices, owners.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use airflow_api::Credentials;
use costs_engine::{Prices, PricesError};
use domain::exit;
use objectstore::Store;

use crate::cli::Sources;

/// Variable with the password of Airflow's user.
const PASSWORD: &str = "UPDRAFT_AIRFLOW_PASSWORD";

/// Why there is nothing to read from.
#[derive(Debug, thiserror::Error)]
pub enum SourcesError {
    /// The prices file cannot be read.
    #[error("the prices file {} cannot be read", path.display())]
    PricesFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The prices are wrong.
    #[error("the prices cannot be used")]
    Prices(#[source] PricesError),
    /// The store's address is wrong.
    #[error("the store cannot be opened")]
    Store(#[source] objectstore::Error),
    /// Airflow cannot be asked for owners.
    #[error("the owners of DAGs are not known")]
    Owners(#[source] airflow_api::Error),
    /// A user without a password.
    #[error("{PASSWORD} is not set, and --airflow-user needs it")]
    Password,
}

impl SourcesError {
    /// Of `domain::exit`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Owners(error) if error.is_retryable() => exit::UNAVAILABLE,
            _ => exit::DATA,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::PricesFile { .. } => Some(
                "write one: currency = \"USD\", [cpu] core_hour = \"0.0316\", [memory] gib_hour = \"0.0042\"",
            ),
            Self::Prices(error) => Some(error.hint()),
            Self::Store(error) => error.hint(),
            Self::Password => {
                Some("set it in the environment; it is no flag, so that no process list shows it")
            }
            Self::Owners(_) => Some("leave --airflow-url out to use [owners] of the prices file"),
        }
    }
}

/// The store.
pub async fn store(sources: &Sources) -> Result<Store, SourcesError> {
    Store::open(&sources.store).await.map_err(SourcesError::Store)
}

/// Prices, with what Airflow says about owners when it is to be asked.
pub async fn prices(sources: &Sources) -> Result<Prices, SourcesError> {
    let mut prices = read_prices(&sources.prices)?;
    prices.owners.learn(owners(sources).await?);
    Ok(prices)
}

/// Prices as the file has them.
pub fn read_prices(path: &Path) -> Result<Prices, SourcesError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SourcesError::PricesFile { path: path.to_owned(), source })?;
    Prices::parse(path, &text).map_err(SourcesError::Prices)
}

/// DAG → its owners, joined; none when Airflow is not to be asked.
pub async fn owners(sources: &Sources) -> Result<BTreeMap<String, String>, SourcesError> {
    let Some(url) = &sources.airflow_url else { return Ok(BTreeMap::new()) };
    let credentials = match &sources.airflow_user {
        None => Credentials::AllAdmins,
        Some(name) => {
            let password = std::env::var(PASSWORD).map_err(|_| SourcesError::Password)?;
            Credentials::User { name: name.clone(), password: password.into() }
        }
    };
    let airflow = airflow_api::Client::new(url, credentials).map_err(SourcesError::Owners)?;
    let dags = airflow.owners().await.map_err(SourcesError::Owners)?;
    Ok(dags.into_iter().map(|(dag, owners)| (dag, owners.join(", "))).collect())
}
