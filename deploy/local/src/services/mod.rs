//! Servers that Airflow and Updraft need: Redis, PostgreSQL, S3.

mod postgres;
mod redis;
mod s3;

pub(crate) use s3::{AIRFLOW_LOGS, STORE, environment as s3_environment, log_folder, log_store, store};

use crate::failure::Failure;
use crate::state::State;

/// Starts all three and waits until each answers.
pub(crate) async fn start(state: &State) -> Result<(), Failure> {
    let (redis, s3) = (redis::start(state)?, s3::start(state)?);
    let postgres = postgres::start(state).await?;
    redis::wait(state, &redis).await?;
    s3::wait(state, &s3).await?;
    postgres::wait(state, &postgres).await
}

/// How many of Redis's clients stand in a blocking read of a queue.
pub(crate) async fn blocked_readers(state: &State) -> std::io::Result<u64> {
    redis::blocked(state).await
}

/// Before a server is started again on a port that is taken.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(1);

/// One of the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Redis,
    Postgres,
    S3,
}

impl Service {
    /// Its name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Postgres => "postgres",
            Self::S3 => "s3",
        }
    }

    /// Starts it again after it was killed; Redis is empty then, the others have their data.
    pub(crate) async fn again(self, state: &State) -> Result<(), Failure> {
        /// A client that tries again and again can, by chance, be connected to itself on the port of a server that is away,
        /// and hold it for a moment.
        const TRIES: usize = 5;
        let mut tried = self.try_again(state).await;
        for _ in 1..TRIES {
            if !matches!(tried, Err(Failure::Ended { .. })) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            tried = self.try_again(state).await;
        }
        tried
    }

    async fn try_again(self, state: &State) -> Result<(), Failure> {
        match self {
            Self::Redis => redis::wait(state, &redis::start(state)?).await,
            Self::Postgres => postgres::wait(state, &postgres::again(state)?).await,
            Self::S3 => s3::wait(state, &s3::start(state)?).await,
        }
    }
}
