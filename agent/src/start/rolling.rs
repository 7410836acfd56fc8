use std::path::{Path, PathBuf};

use agent_core::rolling::RollPolicy;
use daemon::CancellationToken;
use domain::BaseRecord;
use tokio::sync::mpsc;

use super::delivery::{Deliver, StartError};
use crate::rolling::RollingWorker;
use crate::settings::{WorkerMode, WorkerSettings};
use crate::worker::{Request, Worker, WorkerError, autoscales, slots};

/// A worker, supervised as its mode wants it.
pub(super) enum Supervised {
    /// One process in the base.
    Single(Box<Worker>),
    /// A process for each environment.
    Rolling(Box<RollingWorker>),
}

impl Supervised {
    /// Process mode where it is asked for, or where the base's Airflow knows no other; it needs a repository.
    /// Call it after the following of repositories was spawned.
    pub(super) fn of(
        worker: Worker,
        settings: &WorkerSettings,
        deliver: &Deliver,
    ) -> Result<Self, StartError> {
        let airflow_2 = is_airflow_2(&deliver.base.record);
        let process = match settings.mode {
            WorkerMode::Auto => airflow_2,
            WorkerMode::Task => false,
            WorkerMode::Process => true,
        };
        let [repository, others @ ..] = settings.repository.as_slice() else {
            return Ok(Self::Single(Box::new(worker)));
        };
        if !process {
            return Ok(Self::Single(Box::new(worker)));
        }
        if !others.is_empty() {
            let repositories = settings.repository.iter().map(ToString::to_string).collect();
            return Err(StartError::OneRepository { repositories });
        }
        let command = worker.program.command;
        if autoscales(&command) {
            return Err(StartError::Autoscale);
        }
        let Some(followed) = deliver.followed.get(repository.as_str()).cloned() else {
            return Err(StartError::NoStore);
        };
        let roll = RollPolicy {
            slots: slots(&command),
            ready_timeout_ms: settings.ready_timeout_s.saturating_mul(1_000),
            ..RollPolicy::default()
        };
        tracing::info!(slots = roll.slots, repository = %repository, "process mode: a worker process for each environment");
        let scripts = Path::new(&deliver.base.record.base.interpreter.executable).parent();
        Ok(Self::Rolling(Box::new(RollingWorker {
            command,
            variables: worker.program.variables,
            folder: deliver.volume.root().join("workers").join(&worker.node),
            node: worker.node,
            link: deliver.link.clone(),
            adopted: worker.adopted,
            policy: worker.policy,
            roll,
            record: worker.record,
            volume: deliver.volume.clone(),
            repository: repository.clone(),
            // Airflow 3 reads its code through bundles.
            dags_subdir: (!is_airflow_3(&deliver.base.record)).then(|| settings.dags_subdir.clone()),
            scripts: scripts.map(PathBuf::from).unwrap_or_default(),
            followed,
            base_log_folder: settings.base_log_folder.clone(),
            logs: worker.logs,
            usage: worker.usage,
            status: worker.status,
            ready: worker.ready,
        })))
    }

    pub(super) async fn supervise(
        self,
        requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        match self {
            Self::Single(worker) => worker.supervise(requests, stop).await,
            Self::Rolling(worker) => worker.supervise(requests, stop).await,
        }
    }
}

fn is_airflow_3(base: &BaseRecord) -> bool {
    base.base.distribution("apache-airflow").is_some_and(|airflow| airflow.version.starts_with("3."))
}

/// The base's Airflow reads its code from `dags_folder` and cannot switch a task to another environment.
pub(super) fn is_airflow_2(base: &BaseRecord) -> bool {
    base.base.distribution("apache-airflow").is_some_and(|airflow| airflow.version.starts_with("2."))
}
