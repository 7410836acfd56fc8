//! Manifest, lock, attestation, alias: the objects that name an environment.

use std::collections::BTreeMap;

use domain::environment::{Attestation, Manifest, SCHEMA};
use domain::request::Alias;
use domain::{Base, EnvId, RequestId, Toc, keys};
use objectstore::{Condition, Store};

use super::materials::Material;
use super::stored::EntryPoints;
use super::{BuildError, Built, Context};
use crate::blocking::blocking;
use crate::environment::{BaseFiles, plan};
use crate::lock::Lock;

/// What of this program and version is written into attestations.
const BUILDER: &str = concat!("depcache ", env!("CARGO_PKG_VERSION"));

/// The environment that answers this request already.
pub(super) async fn known(store: &Store, request: RequestId) -> Result<Option<Built>, BuildError> {
    let Some(object) = store.get(&keys::alias(request)).await? else { return Ok(None) };
    let alias: Alias = serde_json::from_slice(&object.bytes)
        .map_err(|error| BuildError::Damaged { key: keys::alias(request), what: error.to_string() })?;
    let Some(manifest) = read_manifest(store, alias.env_id).await? else { return Ok(None) };
    Ok(Some(Built {
        env_id: alias.env_id,
        layers_reused: manifest.layers.len(),
        manifest,
        known: true,
        warnings: Vec::new(),
        imports: Vec::new(),
        layers_built: 0,
        timings_ms: BTreeMap::new(),
    }))
}

/// An environment's manifest.
pub async fn read_manifest(store: &Store, env_id: EnvId) -> Result<Option<Manifest>, BuildError> {
    let key = keys::environment(env_id);
    let Some(object) = store.get(&key).await? else { return Ok(None) };
    let manifest: Manifest = serde_json::from_slice(&object.bytes)
        .map_err(|error| BuildError::Damaged { key: key.clone(), what: error.to_string() })?;
    if manifest.id()? != env_id {
        return Err(BuildError::Damaged { key, what: "its content has another identity".into() });
    }
    Ok(Some(manifest))
}

/// What was proved about an environment, if anything was.
pub async fn read_attestation(store: &Store, env_id: EnvId) -> Result<Option<Attestation>, BuildError> {
    let key = keys::attestation(env_id);
    let Some(object) = store.get(&key).await? else { return Ok(None) };
    serde_json::from_slice(&object.bytes)
        .map(Some)
        .map_err(|error| BuildError::Damaged { key, what: error.to_string() })
}

/// The manifest of `lock` over these layers, which are in the lock's order (by name).
pub(super) async fn manifest(
    base: &Base,
    lock: &Lock,
    materials: &[Material],
) -> Result<Manifest, BuildError> {
    let tocs: Vec<Toc> = materials.iter().map(|material| material.toc.clone()).collect();
    let (of_base, shadows) = (base.clone(), lock.shadows.clone());
    let conflicts = blocking(move || {
        let files = BaseFiles::read(&of_base).map_err(BuildError::Environment)?;
        Ok::<_, BuildError>(plan(&tocs, &files, &shadows))
    })
    .await?;
    let mut entry_points = EntryPoints::new();
    for material in materials {
        for (group, entries) in &material.entry_points {
            entry_points.entry(group.clone()).or_default().extend(entries.clone());
        }
    }
    Ok(Manifest {
        schema: SCHEMA,
        base_id: lock.base_id,
        target_id: lock.target_id,
        lock_id: lock.id()?,
        layers: materials.iter().map(|material| material.entry.clone()).collect(),
        shadows: lock.shadows.clone(),
        conflicts,
        mode: lock.mode,
        requested: lock.requested.clone(),
        entry_points,
    })
}

/// Publishes lock and manifest; both are named by their content, so a refusal means that they are there.
pub(super) async fn manifest_and_lock(
    store: &Store,
    lock: &Lock,
    manifest: &Manifest,
) -> Result<EnvId, BuildError> {
    let env_id = manifest.id()?;
    store.put(&keys::lock(manifest.lock_id), lock.to_toml().into(), Condition::Absent).await?;
    let bytes = domain::canonical::to_bytes(manifest)?;
    store.put(&keys::environment(env_id), bytes.into(), Condition::Absent).await?;
    Ok(env_id)
}

/// What was proved, then the pointer that makes the environment the request's answer.
pub(super) async fn attestation_and_alias(
    context: &Context,
    built: &Built,
    request: Option<RequestId>,
) -> Result<(), BuildError> {
    let attestation = Attestation {
        schema: SCHEMA,
        env_id: built.env_id,
        imports: built.imports.clone(),
        parses: Vec::new(),
        timings_ms: built.timings_ms.clone(),
        builder: format!("{BUILDER} {}", context.holder),
        created_at: jiff::Timestamp::now().to_string(),
    };
    let bytes = domain::canonical::to_bytes(&attestation)?;
    context.store.put(&keys::attestation(built.env_id), bytes.into(), Condition::Absent).await?;
    let Some(request) = request else { return Ok(()) };
    let alias = Alias { schema: domain::request::SCHEMA, env_id: built.env_id };
    let bytes = domain::canonical::to_bytes(&alias)?;
    // Refused: another builder answered first, and its answer stays.
    context.store.put(&keys::alias(request), bytes.into(), Condition::Absent).await?;
    Ok(())
}
