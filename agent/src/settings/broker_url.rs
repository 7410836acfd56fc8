use std::convert::Infallible;
use std::str::FromStr;

use secrecy::SecretString;

/// Variable with which Airflow names its broker; used when Updraft's own is not set.
const AIRFLOW_VARIABLE: &str = "AIRFLOW__CELERY__BROKER_URL";

/// A broker's URL, which may hold a password: its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct BrokerUrl(SecretString);

impl BrokerUrl {
    /// The one of Airflow's environment.
    pub fn of_airflow() -> Option<Self> {
        std::env::var(AIRFLOW_VARIABLE).ok().filter(|url| !url.is_empty()).map(|url| Self(url.into()))
    }

    /// The secret.
    pub fn secret(&self) -> &SecretString {
        &self.0
    }
}

impl FromStr for BrokerUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned().into()))
    }
}
