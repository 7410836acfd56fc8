//! Redis: the Celery broker. Without persistence, so that every bring-up starts with empty queues.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::ledger::Entry;
use crate::machine;
use crate::process::{Program, until_served};
use crate::state::State;

/// It starts in milliseconds; a loaded machine takes longer.
const START: Duration = Duration::from_secs(20);

pub(super) fn start(state: &State) -> Result<Entry, Failure> {
    let port = state.ports().redis.to_string();
    let args = ["redis-server", "--port", &port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
    Program::new("redis", &PathBuf::from("/usr/bin/env"), &args, machine::environment()).start(state)
}

pub(super) async fn wait(state: &State, entry: &Entry) -> Result<(), Failure> {
    let url = SecretString::from(state.redis_url());
    until_served(state, entry, "Redis answers", START, || async {
        let broker = broker::Broker::connect(&url).await.map_err(|error| error.to_string())?;
        broker.ping().await.map_err(|error| error.to_string())
    })
    .await
}

/// How many clients stand in a blocking read of a queue (`blocked_clients`). A client that stands still is one of them
/// until its read ends: what is pushed before then goes to it, and lies in no queue.
pub(super) async fn blocked(state: &State) -> std::io::Result<u64> {
    const FIELD: &str = "blocked_clients:";
    let mut stream = TcpStream::connect(("127.0.0.1", state.ports().redis)).await?;
    stream.write_all(b"INFO clients\r\n").await?;
    let mut lines = BufReader::new(stream).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(count) = line.strip_prefix(FIELD) {
            return count.trim().parse().map_err(std::io::Error::other);
        }
    }
    Err(std::io::Error::other("Redis does not say how many clients are blocked"))
}
