//! `updraft-autoscaler run`: from settings to supervised loops.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use broker::Broker;
use daemon::{Backoff, CancellationToken, Health, OnFailure, Outcome, Policy, Signals, Stage, Supervisor};
use secrecy::SecretString;

use crate::broker_url::{self, UrlError};
use crate::fleet;
use crate::observe::Heard;
use crate::pool_loop::{PoolLoop, Surroundings};
use crate::settings::{Settings, SettingsError};

/// Without `--stop-workers` there is nothing to wait for but the current turn.
const GRACE: Duration = Duration::from_secs(10);
/// A loop that failed is tried again between these pauses.
const RESTART_MIN: Duration = Duration::from_secs(1);
const RESTART_MAX: Duration = Duration::from_secs(30);
/// A loop that does not turn for so long is not alive.
const TURN_SILENCE: Duration = Duration::from_secs(30);

/// Why `run` did not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// There is no URL.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The broker does not answer at the start.
    #[error("the broker cannot be used")]
    Broker(#[source] broker::Error),
    /// Another autoscaler works here.
    #[error("another autoscaler holds {}", state_dir.display())]
    Locked {
        /// The state directory.
        state_dir: PathBuf,
    },
    /// The state directory, the signals or the listener cannot be had.
    #[error("{step}")]
    System {
        /// The step that failed.
        step: String,
        /// Why.
        source: std::io::Error,
    },
    /// The metrics recorder cannot be installed.
    #[error("metrics cannot be set up")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl RunError {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Broker(error) => Some(error.hint()),
            Self::Url(error) => Some(error.hint()),
            Self::Locked { .. } => {
                Some("one autoscaler per state_dir; end the other one or choose another folder")
            }
            _ => None,
        }
    }

    /// The exit code for it (`domain::exit`).
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Settings(_) | Self::Url(_) | Self::Broker(broker::Error::Address { .. }) => {
                domain::exit::DATA
            }
            Self::Broker(_) | Self::System { .. } => domain::exit::UNAVAILABLE,
            Self::Locked { .. } => domain::exit::TRY_AGAIN,
            Self::Metrics(_) => domain::exit::BUG,
        })
    }
}

/// Runs until a signal.
///
/// # Errors
/// When it cannot start.
pub(crate) async fn run(settings: Settings, stop_workers: bool) -> Result<Outcome, RunError> {
    let system = |step: String| move |source| RunError::System { step, source };
    let signals = Signals::listen().map_err(system("listening to signals".to_owned()))?;
    let url: SecretString = broker_url::find(&settings.broker)?;
    let state_dir = settings.state_dir.clone();
    let creating = format!("creating {}", state_dir.display());
    std::fs::create_dir_all(&state_dir).map_err(system(creating))?;
    let locking = format!("locking {}", state_dir.display());
    let _lock = fleet::lock(&state_dir)
        .map_err(system(locking))?
        .ok_or_else(|| RunError::Locked { state_dir: state_dir.clone() })?;
    let broker = Broker::connect(&url).await.map_err(RunError::Broker)?;
    broker.ping().await.map_err(RunError::Broker)?;
    tracing::info!(broker = broker.label(), pools = settings.pools.len(), "watching");

    let mut supervisor = Supervisor::new();
    let health = Health::new();
    if let Some(address) = &settings.listen {
        let metrics = daemon::admin::metrics().map_err(|error| RunError::Metrics(error.into()))?;
        let listening = format!("listening on {address}");
        let listener = tokio::net::TcpListener::bind(address).await.map_err(system(listening))?;
        let mut serving = Some((listener, health.clone(), metrics));
        supervisor.spawn("admin", Stage::Flush, OnFailure::ShutDown, move |stop| {
            let serving = serving.take();
            async move {
                let Some((listener, health, metrics)) = serving else { return Ok(()) };
                Ok(daemon::admin::serve(listener, health, metrics, stop).await?)
            }
        });
    }
    let heard = Heard::default();
    let listening = (broker.clone(), heard.clone());
    supervisor.spawn("heartbeats", Stage::Flush, again(), move |stop| {
        let (broker, heard) = listening.clone();
        async move {
            heard.listen(broker.heartbeats(), stop).await;
            Ok(())
        }
    });
    let tick = Duration::from_millis(settings.tick_ms);
    let surroundings = Arc::new(Surroundings { state_dir, tick, broker, heard, stop_workers });
    let longest_drain_s = settings.pools.values().map(|pool| pool.policy.drain_timeout_s).max().unwrap_or(0);
    for pool in settings.pools.into_values() {
        let component = health.component(&pool.name);
        let heartbeat = health.heartbeat(&pool.name, TURN_SILENCE);
        let surroundings = Arc::clone(&surroundings);
        let name = format!("pool {}", pool.name);
        supervisor.spawn(&name, Stage::Intake, again(), move |stop: CancellationToken| {
            let opened =
                PoolLoop::open(pool.clone(), Arc::clone(&surroundings), component.clone(), heartbeat.clone());
            async move { Ok(opened?.run(stop).await?) }
        });
    }
    let grace = if stop_workers { GRACE + Duration::from_secs(longest_drain_s) } else { GRACE };
    Ok(supervisor.run(signals, Policy::new(grace)).await)
}

fn again() -> OnFailure {
    OnFailure::Restart(Backoff::new(RESTART_MIN, RESTART_MAX))
}
