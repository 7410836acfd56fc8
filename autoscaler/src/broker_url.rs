//! Where the broker's URL comes from.

use std::path::PathBuf;

use secrecy::SecretString;

use crate::settings::BrokerSource;

/// Looked at in this order when the settings say nothing.
const VARIABLES: [&str; 2] = ["UPDRAFT_BROKER_URL", "AIRFLOW__CELERY__BROKER_URL"];

/// Why there is no URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UrlError {
    /// Nothing names it.
    #[error("no broker URL: neither [broker] in the settings nor {} or {} in the environment", VARIABLES[0], VARIABLES[1])]
    Nowhere,
    /// The variable that the settings name is not set.
    #[error("no broker URL: the variable {name} is not set")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The file that the settings name cannot be read.
    #[error("no broker URL: {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl UrlError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::Nowhere | Self::Unset { .. } => {
                "give the same URL as Airflow's [celery] broker_url, for example redis://:password@redis:6379/0"
            }
            Self::File { .. } => "check [broker] url_file and the permissions of that file",
        }
    }
}

/// Finds the URL.
///
/// # Errors
/// When it is nowhere.
pub(crate) fn find(source: &BrokerSource) -> Result<SecretString, UrlError> {
    if let Some(url) = &source.url {
        return Ok(url.clone());
    }
    if let Some(path) = &source.url_file {
        let failed = |source| UrlError::File { path: path.clone(), source };
        return Ok(std::fs::read_to_string(path).map_err(failed)?.trim().to_owned().into());
    }
    if let Some(name) = &source.url_env {
        return variable(name).ok_or_else(|| UrlError::Unset { name: name.clone() });
    }
    VARIABLES.iter().find_map(|name| variable(name)).ok_or(UrlError::Nowhere)
}

fn variable(name: &str) -> Option<SecretString> {
    std::env::var(name).ok().filter(|value| !value.is_empty()).map(SecretString::from)
}
