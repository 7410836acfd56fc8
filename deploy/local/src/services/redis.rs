//! Redis: the Celery broker. Without persistence, so that every bring-up starts with empty queues.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

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
