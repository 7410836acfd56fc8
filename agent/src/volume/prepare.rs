use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use depcache::environment::{self, EnvironmentError, Way};
use domain::publication::DEFAULT_ENVIRONMENT;
use domain::{BaseId, BaseRecord, EnvId, PublicationId, RepositoryName};
use objectstore::Store;
use serde::Serialize;
use tokio::runtime::Handle;

use super::Volume;
use super::tree::{TreeError, materialise};

/// Why something is not ready.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The tree.
    #[error("the tree is not ready")]
    Tree(#[from] TreeError),
    /// An environment.
    #[error("environment {} is not ready", env_id.short())]
    Environment {
        /// Which.
        env_id: EnvId,
        /// Why.
        source: Box<EnvironmentError>,
    },
    /// The thread that fetched it is gone.
    #[error("fetching environment {} was broken off", env_id.short())]
    Thread {
        /// Which.
        env_id: EnvId,
        /// Why.
        source: tokio::task::JoinError,
    },
    /// The publication has environments, but none for this machine's base.
    #[error("publication {id} of {repository} was not built for the base {} of this machine", base_id.short())]
    OtherBase {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// This machine's base.
        base_id: BaseId,
    },
}

/// A usable environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EnvironmentReady {
    /// Which.
    pub id: EnvId,
    /// The venv root.
    pub path: PathBuf,
    /// How it was materialised.
    pub mode: Way,
}

/// A usable publication.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Ready {
    /// Folder of its files.
    pub tree: PathBuf,
    /// The default environment for this base; absent: tasks run in the base.
    pub environment: Option<EnvironmentReady>,
    /// Milliseconds.
    pub took_ms: u64,
    /// All environments for this base, by name.
    #[serde(skip)]
    pub environments: Vec<(String, EnvironmentReady)>,
}

/// Makes publications and environments usable on this machine. Concurrent callers for one share one flight.
#[derive(Debug)]
pub struct Preparer {
    store: Store,
    volume: Volume,
    base: BaseRecord,
    base_id: BaseId,
    flights: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Preparer {
    /// For processes of this base.
    pub fn new(store: Store, volume: Volume, base: BaseRecord, base_id: BaseId) -> Self {
        Self { store, volume, base, base_id, flights: Mutex::default() }
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The volume.
    pub fn volume(&self) -> &Volume {
        &self.volume
    }

    /// This machine's base.
    pub fn base_id(&self) -> BaseId {
        self.base_id
    }

    /// Tree and environments (those for this base) of a publication.
    pub async fn publication(
        &self,
        repository: &RepositoryName,
        id: &PublicationId,
    ) -> Result<Ready, PrepareError> {
        let started = Instant::now();
        let publication = {
            let flight = self.flight(format!("{repository}/{id}"));
            let _alone = flight.lock().await;
            materialise(&self.store, &self.volume, repository, id).await?
        };
        let ours: Vec<_> =
            publication.environments.iter().filter(|one| one.base_id == self.base_id).collect();
        if ours.is_empty() && !publication.environments.is_empty() {
            let (repository, id) = (repository.clone(), id.clone());
            return Err(PrepareError::OtherBase { repository, id, base_id: self.base_id });
        }
        let mut environments = Vec::new();
        let mut fetched = BTreeSet::new();
        for one in ours {
            if fetched.insert(one.env_id) {
                environments.push((one.environment.clone(), self.environment(one.env_id).await?.0));
            } else if let Some((_, ready)) = environments.iter().find(|(_, ready)| ready.id == one.env_id) {
                environments.push((one.environment.clone(), ready.clone()));
            }
        }
        let default = environments.iter().find(|(name, _)| name == DEFAULT_ENVIRONMENT);
        let took_ms = elapsed_ms(started);
        if took_ms > 0 {
            metrics::histogram!("updraft_agent_prepare_ms")
                .record(f64::from(u32::try_from(took_ms).unwrap_or(u32::MAX)));
        }
        Ok(Ready {
            tree: self.volume.tree(repository, id),
            environment: default.map(|(_, ready)| ready.clone()),
            took_ms,
            environments,
        })
    }

    /// One environment; also says how long it took in milliseconds.
    pub async fn environment(&self, env_id: EnvId) -> Result<(EnvironmentReady, u64), PrepareError> {
        let flight = self.flight(env_id.to_string());
        let _alone = flight.lock().await;
        let (store, base, volume) = (self.store.clone(), self.base.clone(), self.volume.clone());
        // On a thread of its own: it unpacks and links as much as it waits.
        let fetching = tokio::task::spawn_blocking(move || {
            Handle::current().block_on(environment::fetch(&store, env_id, &base, volume.root()))
        });
        let fetched = fetching
            .await
            .map_err(|source| PrepareError::Thread { env_id, source })?
            .map_err(|source| PrepareError::Environment { env_id, source: Box::new(source) })?;
        if fetched.layers_fetched > 0 {
            tracing::info!(
                environment = env_id.short(),
                layers = fetched.layers_fetched,
                size_bytes = fetched.bytes,
                took_ms = fetched.took_ms,
                "environment ready"
            );
        }
        Ok((EnvironmentReady { id: env_id, path: fetched.path, mode: fetched.mode }, fetched.took_ms))
    }

    /// The lock of a key; locks that nobody holds are dropped on the way.
    fn flight(&self, key: String) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.flights.lock().unwrap_or_else(PoisonError::into_inner);
        flights.retain(|_, flight| Arc::strong_count(flight) > 1);
        flights.entry(key).or_default().clone()
    }
}

fn elapsed_ms(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
