//! Environments: the functional core of the manifest, and the attestation beside it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::CanonicalError;
use crate::digest::identity;
use crate::{BaseId, Digest, LayerEntry, TargetId};

/// Version of [`Manifest`] and [`Attestation`].
pub const SCHEMA: u32 = 1;

identity! {
    /// Identity of a lock: of the packages, versions and file hashes to install, not of where they came from.
    LockId
}
identity! {
    /// Identity of an environment: of the canonical JSON of its [`Manifest`].
    EnvId
}

/// How a worker may use an environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A freshly forked task process can be switched to it.
    Task,
    /// It needs a worker process of its own: it shadows what task processes have loaded, or its base is Airflow 2.
    Process,
}

/// A distribution of the base that the environment replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Shadow {
    /// Normalised name.
    pub name: String,
    /// Version in the base.
    pub base_version: String,
    /// Version in the environment.
    pub version: String,
}

/// A path that two parts of the environment bring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Conflict {
    /// Path relative to the environment's root.
    pub path: String,
    /// Whose file is in the environment.
    pub winner: String,
    /// Whose file is not; `base` stands for the base.
    pub loser: String,
}

/// `v1/envs/<env id>.json`: the functional core, everything a reader needs to build and use the environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The base it was composed against.
    pub base_id: BaseId,
    /// The target of its layers.
    pub target_id: TargetId,
    /// The lock it was built from.
    pub lock_id: LockId,
    /// Layers, sorted by normalised name: of two that bring the same path the later wins.
    pub layers: Vec<LayerEntry>,
    /// Replaced distributions of the base, sorted by name.
    pub shadows: Vec<Shadow>,
    /// Paths that more than one layer brings, sorted by path.
    pub conflicts: Vec<Conflict>,
    /// How workers may use it.
    pub mode: Mode,
    /// Normalised names that the user asked for, sorted.
    pub requested: Vec<String>,
    /// Entry points that the layers bring: group → name → object reference.
    pub entry_points: BTreeMap<String, BTreeMap<String, String>>,
}

impl Manifest {
    /// The environment's identity.
    pub fn id(&self) -> Result<EnvId, CanonicalError> {
        Digest::of_canonical(self).map(EnvId)
    }
}

/// Outcome of importing one requested distribution.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportCheck {
    /// Normalised distribution name.
    pub name: String,
    /// Modules that were imported.
    pub modules: Vec<String>,
    /// What failed; absent when all imports succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Milliseconds.
    pub took_ms: u64,
}

/// Outcome of parsing one DAG file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ParseCheck {
    /// Path in the repository.
    pub path: String,
    /// DAG ids found.
    pub dags: Vec<String>,
    /// What failed; absent when the file parsed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Milliseconds.
    pub took_ms: u64,
}

/// `v1/envs/<env id>.attestation.json`: what was proved about an environment; no part of its identity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attestation {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The environment.
    pub env_id: EnvId,
    /// Import checks of the requested distributions.
    pub imports: Vec<ImportCheck>,
    /// DAG files parsed in it, when it was built for a repository.
    pub parses: Vec<ParseCheck>,
    /// Milliseconds by step: `resolve`, `download`, `layers`, `upload`, `verify`.
    pub timings_ms: BTreeMap<String, u64>,
    /// Program and version that built it.
    pub builder: String,
    /// RFC 3339, UTC.
    pub created_at: String,
}
