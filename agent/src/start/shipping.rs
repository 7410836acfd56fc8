//! Task logs of a worker: its own, and those (with their usage) that agents of other workers on the volume left.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use agent_logs::Shipper;
use daemon::{Backoff, OnFailure, Stage, Supervisor};
use objectstore::Store;

use super::delivery::StartError;
use crate::settings::WorkerSettings;
use crate::worker::{LeftBehind, Workplace, plain_name};

/// Pauses before shipping is begun again after a failure.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Shipping, and where its state lies.
pub(super) struct Shipping {
    pub(super) shipper: Arc<Shipper>,
    /// The worker's folder on a shared volume; absent where the state folder is the worker's own.
    place: Option<(Workplace, LeftBehind)>,
    /// Everything is in the store.
    shipped: Arc<AtomicBool>,
}

impl Shipping {
    /// `None`: Airflow ships its logs itself.
    pub(super) async fn prepare(
        settings: &WorkerSettings,
        volume: &Path,
        node: &str,
    ) -> Result<Option<Self>, StartError> {
        let (Some(folder), Some(url)) = (&settings.base_log_folder, &settings.remote_log_folder) else {
            return Ok(None);
        };
        let store = Store::open(url).await?;
        let host = plain_name(node);
        let delete_local = settings.delete_local_logs;
        let (state, place) = if let Some(state) = &settings.state_dir {
            (state.join("logs"), None)
        } else {
            let workers = volume.join("workers");
            let failed = |source| StartError::System { step: "the worker's folder cannot be used", source };
            let place = Workplace::take(&workers, node).await.map_err(failed)?;
            let usage = match &settings.delivery.store {
                Some(url) => Some(Store::open(url).await?),
                None => None,
            };
            let left =
                LeftBehind { workers, log_folder: folder.clone(), store: store.clone(), delete_local, usage };
            (place.logs(), Some((place, left)))
        };
        let mut shipping = agent_logs::Settings::new(folder.clone(), state, host);
        shipping.delete_local = delete_local;
        let shipper = Arc::new(Shipper::new(shipping, store));
        Ok(Some(Self { shipper, place, shipped: Arc::default() }))
    }

    /// Ships until the worker has ended, then what is left.
    pub(super) fn spawn(&self, supervisor: &mut Supervisor) {
        let (logs, shipped) = (self.shipper.clone(), self.shipped.clone());
        let again = OnFailure::Restart(Backoff::new(AGAIN.0, AGAIN.1));
        supervisor.spawn("logs", Stage::Work, again.clone(), move |stop| {
            let (logs, shipped) = (logs.clone(), shipped.clone());
            async move {
                let left = logs.run(stop).await;
                shipped.store(left.is_empty(), Ordering::Relaxed);
                if !left.is_empty() {
                    tracing::error!(logs = ?left, "not wholly in the store; the next agent on this volume goes on");
                }
                Ok(())
            }
        });
        let Some((_, left)) = &self.place else { return };
        let left = left.clone();
        supervisor.spawn("left behind", Stage::Intake, again, move |stop| {
            let left = left.clone();
            async move {
                left.run(stop).await;
                Ok(())
            }
        });
    }

    /// After the last line: nothing stays of what is done.
    pub(super) async fn end(self) {
        if let Some((place, _)) = self.place
            && self.shipped.load(Ordering::Relaxed)
            && self.shipper.clean().await
        {
            place.remove();
        }
    }
}
