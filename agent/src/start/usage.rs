//! The tasks that measure usage and bring it away.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agent_usage::{Meter, Writer};
use daemon::{Backoff, OnFailure, Stage, Supervisor};
use objectstore::Store;

use super::delivery::{Deliver, StartError};
use crate::settings::WorkerSettings;
use crate::usage::{Clock, Journal, Live, Sampler, Usage, allotment, restore, ship};
use crate::worker::{plain_name, slots};

/// Waits after a failure of one of the tasks.
const RESTART: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Usage of a worker, and what carries it.
pub(super) struct Measured {
    pub(super) usage: Arc<Usage>,
    sampler: Sampler,
    journal: Option<Journal>,
    store: Option<Store>,
    live: Option<Arc<Live>>,
}

/// Finds out what is allotted, and goes on with what an earlier agent left. Nothing runs yet.
pub(super) async fn prepare(
    settings: &WorkerSettings,
    deliver: &Deliver,
    node: &str,
    host: &str,
    command: &[String],
) -> Result<Measured, StartError> {
    let clock = Clock::start();
    let (allotment, from) = allotment(&settings.usage, slots(command));
    tracing::info!(
        cpu_milli = allotment.cpu_milli,
        memory_bytes = allotment.memory_bytes,
        slots = allotment.slots,
        from,
        "allotment of this worker"
    );
    let installed = &deliver.base.record.base.distributions;
    let airflow = installed.iter().find(|found| found.name == "apache-airflow");
    let writer = Writer {
        writer: format!("{}-{}", plain_name(node), clock.now().wall_ms),
        cluster: settings.usage.cluster.clone(),
        node: host.to_owned(),
        pod: host.to_owned(),
        worker: node.to_owned(),
        pool: settings.pool.clone(),
        airflow: airflow.map(|found| found.version.clone()).unwrap_or_default(),
    };
    let (store, journal) = match &settings.delivery.store {
        Some(url) => (Some(Store::open(url).await?), journal(&folder(settings, deliver.volume.root(), node))),
        None => (None, None),
    };
    let stuck_after_ms = settings.usage.stuck_after_s.saturating_mul(1_000);
    let meter = match &journal {
        Some(journal) => restore(journal, (writer, allotment, stuck_after_ms), &clock),
        None => Meter::new(writer, allotment, stuck_after_ms, clock.now()),
    };
    let usage = Usage::new(meter, clock);
    deliver.adopted.measure(usage.clone());
    let live = match &settings.usage.costs_url {
        Some(url) => {
            let live = Live::new(url, settings.usage.costs_token.clone());
            Some(Arc::new(live.map_err(|error| StartError::Metrics(Box::new(error)))?))
        }
        None => None,
    };
    let pause = Duration::from_millis(settings.usage.usage_sample_ms);
    let sampler = Sampler::new(usage.clone(), journal.clone(), settings.base_log_folder.clone(), pause);
    Ok(Measured { usage, sampler, journal, store, live })
}

/// Without a journal there are no rows, and the worker runs all the same.
fn journal(folder: &Path) -> Option<Journal> {
    match Journal::open(folder.to_owned()) {
        Ok(journal) => Some(journal),
        Err(error) => {
            tracing::error!(error = daemon::chain(&error), "usage is not written down");
            None
        }
    }
}

fn folder(settings: &WorkerSettings, volume: &Path, node: &str) -> PathBuf {
    match &settings.state_dir {
        Some(state) => state.join("usage"),
        // What a worker's agent leaves there for good, its neighbours on the volume finish (`Workplace`).
        None => volume.join("workers").join(node).join("usage"),
    }
}

/// Measures until the worker has ended, then brings the rest away.
pub(super) fn spawn(supervisor: &mut Supervisor, measured: Measured) {
    let Measured { usage, sampler, journal, store, live } = measured;
    let restart = || OnFailure::Restart(Backoff::new(RESTART.0, RESTART.1));
    let sampler = Arc::new(tokio::sync::Mutex::new(sampler));
    supervisor.spawn("usage", Stage::Work, restart(), move |stop| {
        let sampler = sampler.clone();
        async move {
            sampler.lock().await.run(stop).await;
            Ok(())
        }
    });
    if let (Some(journal), Some(store)) = (journal, store) {
        let usage = usage.clone();
        supervisor.spawn("usage to the store", Stage::Flush, restart(), move |stop| {
            let (usage, journal, store) = (usage.clone(), journal.clone(), store.clone());
            async move {
                ship(usage, journal, store, stop).await;
                Ok(())
            }
        });
    }
    if let Some(live) = live {
        supervisor.spawn("live usage", Stage::Flush, restart(), move |stop| {
            let (usage, live) = (usage.clone(), live.clone());
            async move {
                live.run(usage, stop).await;
                Ok(())
            }
        });
    }
}
