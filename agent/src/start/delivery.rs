use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daemon::{Backoff, Health, OnFailure, Stage, Supervisor, admin};
use depcache::base::BaseError;
use depcache::environment::Bounds;
use domain::{RepositoryName, exit};
use objectstore::Store;
use tokio::sync::{Notify, watch};

use crate::base::{self, Known};
use crate::link::BrokerLink;
use crate::nudges;
use crate::process::{Adopted, reap};
use crate::settings::{BrokerUrl, Delivery};
use crate::socket::{Api, SocketError};
use crate::volume::{Followed, Follower, Preparer, Pruner, Volume};

/// Waits between attempts to announce the base.
const ANNOUNCE: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(5));

/// Why a program cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The volume has no absolute path, or the agent cannot adopt orphans.
    #[error("{step}")]
    System {
        /// What was tried.
        step: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The base is unknown.
    #[error("the environments of this machine are unknown")]
    Base(#[from] base::Error),
    /// The store's address is wrong.
    #[error("the store cannot be opened")]
    Store(#[from] objectstore::Error),
    /// The socket is taken or cannot be made.
    #[error("the agent's API cannot be served")]
    Socket(#[from] SocketError),
    /// The metrics recorder.
    #[error("metrics cannot be collected")]
    Metrics(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Repositories are named, but no store.
    #[error("repositories are followed, but no store is named; set --store or UPDRAFT_STORE")]
    NoStore,
    /// A worker that reads its code from one folder cannot serve several repositories.
    #[error("{} repositories are followed, but a worker in process mode runs one", repositories.len())]
    OneRepository {
        /// The repositories.
        repositories: Vec<String>,
    },
    /// Celery would change slots that the agent divides.
    #[error("a worker in process mode cannot use Celery's autoscale")]
    Autoscale,
}

impl StartError {
    /// The exit code: wrong settings are told apart from what does not answer.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::NoStore
            | Self::OneRepository { .. }
            | Self::Autoscale
            | Self::Store(objectstore::Error::Address { .. })
            | Self::Base(base::Error::Describe(BaseError::NotFound { .. })) => exit::USAGE,
            _ => exit::UNAVAILABLE,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Base(base::Error::Describe(error)) => error.hint().map(str::to_owned),
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::OneRepository { .. } => {
                Some("give each repository workers, and a queue, of its own".to_owned())
            }
            Self::Autoscale => Some(
                "give the worker a fixed concurrency; the number of workers follows the queue".to_owned(),
            ),
            Self::Socket(SocketError::Taken { .. }) => Some("give each agent a socket of its own".to_owned()),
            _ => None,
        }
    }
}

/// What every subcommand needs: orphans reaped, refs followed, the base announced, probes served.
#[derive(Debug)]
pub struct Deliver {
    /// Who reaps orphans.
    pub adopted: Adopted,
    /// The broker, when one is named.
    pub link: Option<Arc<BrokerLink>>,
    /// The base.
    pub base: Known,
    /// The volume.
    pub volume: Volume,
    /// Makes things usable; absent without a store.
    pub preparer: Option<Arc<Preparer>>,
    /// Followed repositories.
    pub followed: BTreeMap<String, watch::Receiver<Followed>>,
    /// Probes.
    pub health: Health,
    python: String,
    settings: Delivery,
}

impl Deliver {
    /// Finds out what this machine is. Nothing runs yet.
    pub async fn prepare(
        settings: &Delivery,
        repositories: &[RepositoryName],
        command: &[String],
    ) -> Result<Self, StartError> {
        if settings.store.is_none() && !repositories.is_empty() {
            return Err(StartError::NoStore);
        }
        let system = |step| move |source| StartError::System { step, source };
        let adopted = Adopted::begin().map_err(system("the agent cannot adopt orphans"))?;
        let volume = Volume::at(&settings.volume).map_err(system("the volume has no absolute path"))?;
        let python = base::interpreter(settings.python.as_deref(), command);
        let base = base::identify(&python, &volume.bases())?;
        let url = settings.broker_url.clone().or_else(BrokerUrl::of_airflow);
        let link = url.map(|url| Arc::new(BrokerLink::new(url)));
        let preparer = match &settings.store {
            Some(url) => {
                let store = Store::open(url).await?;
                Some(Arc::new(Preparer::new(store, volume.clone(), base.record.clone(), base.id)))
            }
            None => None,
        };
        let (followed, health, settings) = (BTreeMap::new(), Health::new(), settings.clone());
        Ok(Self { adopted, link, base, volume, preparer, followed, health, python, settings })
    }

    /// Starts everything that goes on beside the worker or component.
    pub async fn spawn(
        &mut self,
        supervisor: &mut Supervisor,
        repositories: &[RepositoryName],
        holder: &str,
    ) -> Result<(), StartError> {
        let adopted = self.adopted.clone();
        supervisor.spawn("orphans", Stage::Flush, OnFailure::ShutDown, move |stop| {
            let adopted = adopted.clone();
            async move {
                reap(adopted, stop).await;
                Ok(())
            }
        });
        self.spawn_admin(supervisor).await?;
        let Some(preparer) = self.preparer.clone() else { return Ok(()) };
        self.spawn_announcement(supervisor, &preparer);
        let mut nudged = BTreeMap::new();
        for repository in repositories {
            let (shown, receiver) = watch::channel(Followed::default());
            let notify = Arc::new(Notify::new());
            nudged.insert(repository.to_string(), notify.clone());
            self.followed.insert(repository.to_string(), receiver);
            let reader = Arc::new(Follower {
                repository: repository.clone(),
                reference: self.settings.reference.clone(),
                poll: Duration::from_millis(self.settings.poll_interval_ms.max(1)),
                preparer: preparer.clone(),
                nudged: notify,
                link: self.link.clone(),
                release: self.settings.release.clone(),
                holder: holder.to_owned(),
                followed: shown,
            });
            let restart = OnFailure::Restart(Backoff::new(ANNOUNCE.0, ANNOUNCE.1));
            supervisor.spawn(&format!("follow {repository}"), Stage::Work, restart, move |stop| {
                let reader = reader.clone();
                async move {
                    reader.run(stop).await;
                    Ok(())
                }
            });
        }
        self.spawn_pruner(supervisor);
        if let Some(link) = self.link.clone().filter(|_| !nudged.is_empty()) {
            let release = self.settings.release.clone();
            let restart = OnFailure::Restart(Backoff::new(ANNOUNCE.0, ANNOUNCE.1));
            supervisor.spawn("nudges", Stage::Work, restart, move |stop| {
                let (link, release, nudged) = (link.clone(), release.clone(), nudged.clone());
                async move {
                    nudges::listen(link, release, nudged, stop).await;
                    Ok(())
                }
            });
        }
        Ok(())
    }

    fn spawn_pruner(&self, supervisor: &mut Supervisor) {
        if self.settings.volume_high_bytes == 0 {
            return;
        }
        let bounds = Bounds {
            high_bytes: self.settings.volume_high_bytes,
            low_bytes: self.settings.volume_low_bytes,
            keep: Duration::from_secs(self.settings.volume_keep_s),
        };
        let pruner = Pruner { volume: self.volume.clone(), bounds, followed: self.followed.clone() };
        let restart = OnFailure::Restart(Backoff::new(ANNOUNCE.0, ANNOUNCE.1));
        supervisor.spawn("prune volume", Stage::Work, restart, move |stop| {
            let pruner = pruner.clone();
            async move {
                pruner.run(stop).await;
                Ok(())
            }
        });
    }

    fn spawn_announcement(&self, supervisor: &mut Supervisor, preparer: &Arc<Preparer>) {
        let (adopted, preparer) = (self.adopted.clone(), preparer.clone());
        let (python, known) = (self.python.clone(), self.base.clone());
        let cache = self.volume.root().join("cache");
        let restart = OnFailure::Restart(Backoff::new(ANNOUNCE.0, ANNOUNCE.1));
        supervisor.spawn("announce base", Stage::Work, restart, move |stop| {
            let (adopted, preparer, cache) = (adopted.clone(), preparer.clone(), cache.clone());
            let (python, known) = (python.clone(), known.clone());
            async move {
                let _paused = adopted.pause();
                let announced = base::announce(preparer.store(), &python, &known, &cache);
                stop.run_until_cancelled(Box::pin(announced)).await.unwrap_or(Ok(()))?;
                Ok(())
            }
        });
    }

    async fn spawn_admin(&self, supervisor: &mut Supervisor) -> Result<(), StartError> {
        let Some(address) = self.settings.admin else { return Ok(()) };
        let failed = |source| StartError::System { step: "the address of the probes cannot be used", source };
        let listener = tokio::net::TcpListener::bind(address).await.map_err(failed)?;
        let metrics = admin::metrics().map_err(|error| StartError::Metrics(Box::new(error)))?;
        let (health, mut listener) = (self.health.clone(), Some(listener));
        supervisor.spawn("admin", Stage::Flush, OnFailure::ShutDown, move |stop| {
            let (listener, health, metrics) = (listener.take(), health.clone(), metrics.clone());
            async move {
                if let Some(listener) = listener {
                    admin::serve(listener, health, metrics, stop).await?;
                }
                Ok(())
            }
        });
        Ok(())
    }

    /// The API without a worker.
    pub fn api(&self) -> Api {
        Api { preparer: self.preparer.clone(), followed: self.followed.clone(), worker: None, usage: None }
    }

    /// Variables that every child gets.
    pub fn variables(&self, socket: Option<&PathBuf>) -> BTreeMap<String, Option<std::ffi::OsString>> {
        let mut variables = BTreeMap::from([
            ("UPDRAFT_VOLUME".to_owned(), Some(self.volume.root().as_os_str().to_owned())),
            ("UPDRAFT_BASE_ID".to_owned(), Some(self.base.id.to_string().into())),
            ("UPDRAFT_SOCKET".to_owned(), None),
        ]);
        if let Some(socket) = socket {
            variables.insert("UPDRAFT_SOCKET".to_owned(), Some(socket.clone().into_os_string()));
        }
        variables
    }
}
