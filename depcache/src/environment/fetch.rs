//! An environment from the store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use domain::{BaseRecord, EnvId, Manifest, Toc, environment, keys};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use objectstore::Store;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::EnvironmentError;
use super::compose::{compose, is_ready};
use super::hold::hold;
use super::hold::manifest_path;
use super::prune::layers_lock;
use super::volume_layer::{Transfer, VolumeLayer};

/// Layers on their way at a time. One connection gives at most about 90 MB/s, most layers are far smaller than
/// their first byte's wait is long.
const PARALLEL_LAYERS: usize = 16;

/// How an environment is materialised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Way {
    /// Links into unpacked layers.
    Link,
}

/// A usable environment.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Fetched {
    /// The venv root.
    pub path: PathBuf,
    /// `link`.
    pub mode: Way,
    /// Milliseconds.
    pub took_ms: u64,
    /// Layers that were not on this volume before.
    pub layers_fetched: usize,
    /// Compressed bytes read from the store, tables of contents included.
    pub bytes: u64,
}

/// Makes an environment usable below `volume` (`layers/`, `envs/`).
///
/// Idempotent and safe to race with other processes on the same volume; at worst a layer is fetched twice.
pub async fn fetch(
    store: &Store,
    env_id: EnvId,
    base: &BaseRecord,
    volume: &Path,
) -> Result<Fetched, EnvironmentError> {
    let started = Instant::now();
    let (layers_dir, envs_dir) = (volume.join("layers"), volume.join("envs"));
    let answer = |path, transfers: &[Transfer]| Fetched {
        path,
        mode: Way::Link,
        took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        layers_fetched: transfers.iter().filter(|transfer| transfer.fetched).count(),
        bytes: transfers.iter().map(|transfer| transfer.bytes).sum(),
    };
    let root = envs_dir.join(env_id.to_string());
    let this = base.base.id().map_err(EnvironmentError::Canonical)?;
    // Workers of several bases may share a volume: a ready environment is checked like one from the store.
    // Held for a moment, which also says that it was used: what is being removed is not ready.
    let usable = is_ready(&root) && hold(&root).is_ok_and(|held| held.is_some());
    let here = if usable { fs::read(manifest_path(&root)).ok() } else { None };
    let ready = here.is_some();
    let manifest = match here {
        Some(bytes) => read_manifest(env_id, &bytes)?,
        None => read_manifest(env_id, &stored_manifest(store, env_id).await?)?,
    };
    if manifest.base_id != this {
        return Err(EnvironmentError::Base { env_id, built_for: manifest.base_id, this });
    }
    if ready {
        return Ok(answer(root, &[]));
    }
    // Until the environment names its layers, nobody else knows that they are wanted.
    let locked = layers_dir.clone();
    let locking = move || layers_lock(&locked).and_then(|lock| lock.lock_shared().map(|()| lock));
    let locked = spawn_blocking(locking).await.map_err(EnvironmentError::Ended)?;
    let _fetching = locked.map_err(EnvironmentError::file("lock", &layers_dir))?;
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let unpacking = Arc::new(Semaphore::new(processors));
    let layers: Vec<(Toc, Transfer)> = stream::iter(&manifest.layers)
        .map(|entry| VolumeLayer::new(&layers_dir, entry).ensure(store, &unpacking))
        .buffered(PARALLEL_LAYERS)
        .try_collect()
        .await?;
    let (tocs, transfers): (Vec<_>, Vec<_>) = layers.into_iter().unzip();
    let base = base.base.clone();
    let path = spawn_blocking(move || compose(&manifest, &tocs, &base, &layers_dir, &envs_dir))
        .await
        .map_err(EnvironmentError::Ended)??;
    Ok(answer(path, &transfers))
}

async fn stored_manifest(store: &Store, env_id: EnvId) -> Result<bytes::Bytes, EnvironmentError> {
    let what = || format!("environment {}", env_id.short());
    let object = store
        .get(&keys::environment(env_id))
        .await
        .map_err(|source| EnvironmentError::Store { what: what(), source })?;
    Ok(object.ok_or_else(|| EnvironmentError::Missing { what: what() })?.bytes)
}

fn read_manifest(env_id: EnvId, bytes: &[u8]) -> Result<Manifest, EnvironmentError> {
    let manifest: Manifest =
        serde_json::from_slice(bytes).map_err(|source| EnvironmentError::Parse { env_id, source })?;
    if manifest.schema != environment::SCHEMA {
        return Err(EnvironmentError::Schema { env_id, schema: manifest.schema });
    }
    let found = manifest.id().map_err(EnvironmentError::Canonical)?;
    if found != env_id {
        return Err(EnvironmentError::Identity { env_id, found });
    }
    Ok(manifest)
}
