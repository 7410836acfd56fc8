//! Environments: what is in one (`plan`), a venv root on disk (`compose`), from the store (`fetch`).

use std::path::{Path, PathBuf};

use domain::environment::{Conflict, Shadow};
use domain::{Base, BaseRecord, EnvId, Manifest, Toc};
use objectstore::Store;

/// Files of the base's distributions, read from their RECORDs.
#[derive(Debug)]
pub struct BaseFiles {}

/// Why an environment could not be planned, composed or fetched.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {}

impl BaseFiles {
    /// Reads the RECORD of every distribution. Empty for `--base none`.
    pub fn read(_base: &Base) -> Result<Self, EnvironmentError> {
        todo!()
    }
}

/// Pure: the paths with more than one owner, for `Manifest.conflicts`. `tocs` in the manifest's order.
pub fn plan(_tocs: &[Toc], _base: &BaseFiles, _shadows: &[Shadow]) -> Vec<Conflict> {
    todo!()
}

/// Blocking: builds `envs_dir/<env id>` from layers unpacked in `layers_dir`; existing = done. `tocs` in the manifest's order.
pub fn compose(
    _manifest: &Manifest,
    _tocs: &[Toc],
    _base: &Base,
    _layers_dir: &Path,
    _envs_dir: &Path,
) -> Result<PathBuf, EnvironmentError> {
    todo!()
}

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
    /// Compressed bytes read from the store.
    pub bytes: u64,
}

/// Makes an environment usable below `volume` (`layers/`, `envs/`). Idempotent, safe to race.
pub async fn fetch(
    _store: &Store,
    _env_id: EnvId,
    _base: &BaseRecord,
    _volume: &Path,
) -> Result<Fetched, EnvironmentError> {
    todo!()
}
