//! `updraft-costs serve`: the store's usage in a database, live usage from agents, API and dashboard.

mod api;
mod error;
mod follow;
mod intake;
mod metering;
pub mod openapi;
mod pages;
mod routes;
mod settings;
mod state;
mod views;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daemon::{Backoff, Health, OnFailure, Outcome, Policy, Signals, Stage, Supervisor};
use tokio::net::TcpListener;

pub use error::ServeError;
pub use settings::Token;
pub use state::Shared;

use crate::cli::Serve;
use crate::database::{Reader, Writer};
use crate::sources;

/// Requests that still run are given so long.
const GRACE: Duration = Duration::from_secs(10);
/// The follower is tried again between these pauses: the store may be away for hours.
const RESTART_MIN: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_mins(1);

/// Runs until a signal.
pub async fn run(command: Serve) -> Result<Outcome, ServeError> {
    let signals = Signals::listen().map_err(ServeError::Signals)?;
    let token = Token::read(command.token_file.as_deref())?;
    let prices = sources::read_prices(&command.sources.prices)?;
    let store = sources::store(&command.sources).await?;
    let metrics = daemon::admin::metrics().map_err(ServeError::Metrics)?;
    let (path, rebuild) = (command.database.clone(), command.rebuild);
    let writer = tokio::task::spawn_blocking(move || open(&path, rebuild)).await;
    let writer = writer.map_err(crate::database::DatabaseError::Worker)??;
    let listen = |source| ServeError::Listen { address: command.listen, source };
    let listener = TcpListener::bind(command.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    tracing::info!(%address, store = store.url(), database = %command.database.display(), "serving");

    let health = Health::new();
    // Before anybody can ask: not ready until the store was read once.
    let reading = health.component("store");
    let shared = Arc::new(Shared::new(&command, prices, writer, Reader::new(&command.database), token));
    let mut supervisor = Supervisor::new();
    let app =
        routes::routes(Arc::clone(&shared)).merge(daemon::admin::router(health.clone(), metrics.clone()));
    let mut serving = Some((listener, app));
    supervisor.spawn("http", Stage::Flush, OnFailure::ShutDown, move |stop| {
        let serving = serving.take();
        async move {
            let Some((listener, app)) = serving else { return Ok(()) };
            Ok(axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await?)
        }
    });
    supervisor.spawn("metrics", Stage::Flush, OnFailure::ShutDown, move |stop| {
        metering::upkeep(metrics.clone(), stop)
    });
    let follower = follow::Follower::new(shared, store, reading, &command);
    let again = OnFailure::Restart(Backoff::new(RESTART_MIN, RESTART_MAX));
    supervisor.spawn("follow store", Stage::Work, again, move |stop| follower.clone().run(stop));
    Ok(supervisor.run(signals, Policy::new(GRACE)).await)
}

fn open(path: &Path, rebuild: bool) -> Result<Writer, crate::database::DatabaseError> {
    Writer::open(path, rebuild)
}
