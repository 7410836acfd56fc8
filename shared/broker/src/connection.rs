//! The connection that all calls share.

use std::time::Duration;

use redis::RedisError;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use secrecy::SecretString;

use crate::Error;
use crate::address::Address;

/// How long one connection attempt may take.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long one answer may take; a full read of several queues is some megabytes.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts after the first one before a call gives up; the next call tries anew.
const RECONNECT_ATTEMPTS: usize = 3;
/// Longest pause between two attempts.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Calls in flight at once on the shared connection.
const CONCURRENT_CALLS: usize = 128;

/// Airflow's Celery broker on Redis. Cheap to clone; all clones share one connection, which reconnects by
/// itself. A call during an outage fails after a bounded number of attempts.
#[derive(Clone)]
pub struct Broker {
    address: Address,
    connection: ConnectionManager,
}

impl Broker {
    /// Connects. `url` is what Airflow's `[celery] broker_url` says.
    ///
    /// # Errors
    /// [`Error::Address`] for a URL that is not understood, [`Error::Unreachable`] after bounded attempts,
    /// [`Error::Refused`] for a wrong password.
    pub async fn connect(url: &SecretString) -> Result<Self, Error> {
        let address = Address::parse(url)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(RECONNECT_ATTEMPTS)
            .set_max_delay(RECONNECT_PAUSE_MAX)
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(RESPONSE_TIMEOUT))
            .set_concurrency_limit(CONCURRENT_CALLS);
        let connection = ConnectionManager::new_with_config(address.client().clone(), config)
            .await
            .map_err(|source| Error::redis("connecting", address.label(), source))?;
        Ok(Self { address, connection })
    }

    /// `host:port/db`, for messages and metrics.
    pub fn label(&self) -> &str {
        self.address.label()
    }

    /// Whether the broker answers.
    ///
    /// # Errors
    /// As [`Broker::facts`].
    pub async fn ping(&self) -> Result<(), Error> {
        let mut connection = self.connection();
        redis::cmd("PING")
            .query_async::<()>(&mut connection)
            .await
            .map_err(|source| self.error("ping", source))
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn connection(&self) -> ConnectionManager {
        self.connection.clone()
    }

    pub(crate) fn error(&self, operation: &'static str, source: RedisError) -> Error {
        Error::redis(operation, self.address.label(), source)
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Broker").field(&self.address.label()).finish()
    }
}
