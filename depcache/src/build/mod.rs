//! Builds environments: requirements or a lock in, a published environment out.
//!
//! Order of writes: layers and their tables of contents, wheel maps, lock, manifest, attestation, and the alias
//! last. Whatever fails before the alias leaves only objects that nothing points to and that the next build
//! reuses.

#![allow(
    clippy::result_large_err,
    reason = "one error ends a whole build; a box would only blur its match arms"
)]

mod beside;
mod check;
mod error;
mod health;
mod lease;
mod materials;
mod publish;
mod stored;

pub use error::{BuildError, ImportFailure};
pub use health::{Health, check_layers};
pub use publish::{read_attestation, read_manifest};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use depcache_resolve::requirements::SourceFile;
use depcache_resolve::{Change, Expanded, ResolveError};
use domain::environment::ImportCheck;
use domain::{EnvId, LockId, Manifest, RequestId, keys};
use objectstore::Store;

use crate::blocking::blocking;
use crate::environment::fetch;
use crate::index::Index;
use crate::lock::{Lock, LockedSource};
use crate::progress::Event;
use crate::session::{Files, Session};
use crate::source::Frontend;
use materials::{Tally, prepare, since_ms};

/// Where and for which base is built.
#[derive(Debug, Clone)]
pub struct Context {
    /// Base, index settings, cache.
    pub session: Session,
    /// Where layers and environments go.
    pub store: Store,
    /// Volume on which candidates are composed for their import check (`layers/`, `envs/`). A volume that lives
    /// on keeps layers between builds; a temporary one is used when absent.
    pub volume: Option<PathBuf>,
    /// Who builds, for the lease and the attestation.
    pub holder: String,
}

/// What is built.
#[derive(Debug, Clone)]
pub enum Source {
    /// Requirements files.
    Files(Files),
    /// Requirements that were expanded already.
    Expanded(Box<Expanded>),
    /// A lock for this base.
    Lock(Box<Lock>),
}

/// What is built, and how hard a failure is worked on.
#[derive(Debug, Clone)]
pub struct Inputs {
    /// Requirements or lock.
    pub source: Source,
    /// On a conflict or a failed import look for the smallest change that works, and build it.
    pub propose: bool,
}

/// A published environment.
#[derive(Debug, Clone)]
pub struct Built {
    /// Its identity.
    pub env_id: EnvId,
    /// Its manifest.
    pub manifest: Manifest,
    /// The request's alias was known: nothing was resolved or built.
    pub known: bool,
    /// What the user should know.
    pub warnings: Vec<String>,
    /// Outcome of the import check; empty when `known`.
    pub imports: Vec<ImportCheck>,
    /// Layers built now.
    pub layers_built: usize,
    /// Layers that were in the store.
    pub layers_reused: usize,
    /// Milliseconds by step; steps of single packages are sums over packages that ran side by side.
    pub timings_ms: BTreeMap<String, u64>,
}

/// A change of the user's lines that was resolved, built and imported.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// What was changed.
    pub changes: Vec<Change>,
    /// All files with their new text.
    pub files: Vec<SourceFile>,
    /// The environment that they give.
    pub built: Built,
}

/// Builds and publishes an environment, or finds it already published.
pub async fn build(context: &Context, inputs: &Inputs) -> Result<Built, BuildError> {
    match &inputs.source {
        Source::Lock(lock) => from_lock(context, lock).await,
        Source::Expanded(expanded) => from_expanded(context, expanded, inputs.propose).await,
        Source::Files(files) => {
            let (session, files_of) = (context.session.clone(), files);
            let files = files.clone();
            let expanded =
                blocking(move || session.expand(&files)).await.map_err(BuildError::Requirements)?;
            beside::from_files(context, files_of, &expanded, inputs.propose).await
        }
    }
}

async fn from_expanded(context: &Context, expanded: &Expanded, propose: bool) -> Result<Built, BuildError> {
    let index = open_index(context, expanded).await?;
    let result = once(context, &index, expanded).await;
    match result {
        Err(error) if propose => Err(crate::propose::attach(context, &index, expanded, error).await),
        other => other,
    }
}

async fn open_index(context: &Context, expanded: &Expanded) -> Result<Index, BuildError> {
    let (session, expanded) = (context.session.clone(), expanded.clone());
    blocking(move || session.open_index(&expanded)).await.map_err(BuildError::Open)
}

/// One build without a proposal.
pub(crate) async fn once(context: &Context, index: &Index, expanded: &Expanded) -> Result<Built, BuildError> {
    let request = context.session.request(expanded, index)?.id()?;
    leased(context, request, Box::pin(resolve_and_install(context, index, expanded, request))).await
}

/// The environment that answers `request`: known already, or made by `work` while nobody else makes it.
async fn leased(
    context: &Context,
    request: RequestId,
    work: impl Future<Output = Result<Built, BuildError>>,
) -> Result<Built, BuildError> {
    if let Some(known) = publish::known(&context.store, request).await? {
        return Ok(known);
    }
    let lease = match lease::acquire(&context.store, request, &context.holder).await? {
        lease::Acquired::Held(lease) => lease,
        lease::Acquired::Answered => {
            if let Some(known) = publish::known(&context.store, request).await? {
                return Ok(known);
            }
            return Err(BuildError::Damaged {
                key: keys::alias(request),
                what: "it names an environment that does not exist".into(),
            });
        }
    };
    let built = work.await;
    lease.release(&context.store).await;
    built
}

async fn resolve_and_install(
    context: &Context,
    index: &Index,
    expanded: &Expanded,
    request: RequestId,
) -> Result<Built, BuildError> {
    let session = &context.session;
    let started = Instant::now();
    session.progress.tell(Event::Started { step: "resolve", total: 0 });
    let resolution = session.resolve(index, expanded).await.map_err(|error| match error {
        ResolveError::Conflict(conflict) => BuildError::Unsolvable { conflict, proposal: None },
        other => BuildError::Resolve(other),
    })?;
    let mut lock = Lock::new(&session.base.base, &resolution, index).await.map_err(BuildError::Lock)?;
    lock.inputs = Some(session.lock_inputs(expanded, index)?);
    let resolve_ms = since_ms(started);
    let outcome = format!(
        "{} requirements: {} packages to install, {} of the base kept, {} replaced",
        expanded.requirements.len(),
        lock.packages.len(),
        lock.kept.len(),
        lock.shadows.len()
    );
    session.progress.tell(Event::Finished { step: "resolve", took_ms: resolve_ms, outcome: &outcome });
    let mut built = install(context, index, &lock, Some(request)).await?;
    built.timings_ms.insert("resolve".into(), resolve_ms);
    let told = resolution.warnings.iter().map(ToString::to_string).chain(resolution.departures_told());
    built.warnings.splice(0..0, told);
    Ok(built)
}

async fn from_lock(context: &Context, lock: &Lock) -> Result<Built, BuildError> {
    let index = open_index(context, &Expanded::default()).await?;
    locked(context, &index, lock).await
}

/// Builds a lock as it is.
async fn locked(context: &Context, index: &Index, lock: &Lock) -> Result<Built, BuildError> {
    let here = context.session.base.base.id()?;
    if lock.base_id != here {
        return Err(BuildError::OtherBase { of: lock.base_id.short(), here: here.short() });
    }
    // What a folder holds is no part of a lock: an answer for it would stay when the folder changes.
    let has_folder =
        lock.packages.iter().any(|package| matches!(package.source, LockedSource::Directory { .. }));
    if has_folder {
        return Box::pin(install(context, index, lock, None)).await;
    }
    let request = beside::request(lock)?.id()?;
    leased(context, request, Box::pin(install(context, index, lock, Some(request)))).await
}

/// From a lock to a published environment.
async fn install(
    context: &Context,
    index: &Index,
    lock: &Lock,
    request: Option<RequestId>,
) -> Result<Built, BuildError> {
    let scratch = tempfile::tempdir_in(scratch_parent(context)?)
        .map_err(|source| BuildError::Disk { path: context.session.cache.scratch_dir(), source })?;
    let tally = Tally::default();
    let frontend = Frontend::new(&context.session, index);
    let materials = prepare(context, &frontend, lock, &scratch.path().join("staging"), &tally).await?;
    let manifest = publish::manifest(&context.session.base.base, lock, &materials).await?;
    let env_id = publish::manifest_and_lock(&context.store, lock, &manifest).await?;

    let started = Instant::now();
    context.session.progress.tell(Event::Started { step: "verify", total: 0 });
    let volume = context.volume.clone().unwrap_or_else(|| scratch.path().join("volume"));
    let imports = check::imports(context, env_id, &manifest, &volume).await?;
    let verify_ms = since_ms(started);
    let outcome = format!("{} requested packages import", imports.len());
    context.session.progress.tell(Event::Finished { step: "verify", took_ms: verify_ms, outcome: &outcome });

    let load = |counter: &std::sync::atomic::AtomicU64| counter.load(std::sync::atomic::Ordering::Relaxed);
    let timings_ms = BTreeMap::from([
        ("download".to_owned(), load(&tally.download_ms)),
        ("layers".to_owned(), load(&tally.layers_ms)),
        ("upload".to_owned(), load(&tally.upload_ms)),
        ("verify".to_owned(), verify_ms),
    ]);
    let built = Built {
        env_id,
        manifest,
        known: false,
        warnings: Vec::new(),
        imports,
        layers_built: tally.built.into_inner(),
        layers_reused: tally.reused.into_inner(),
        timings_ms,
    };
    publish::attestation_and_alias(context, &built, request).await?;
    Ok(built)
}

/// Resolves, builds layers, composes on the context's volume, and nothing more: what build environments need. Their
/// answer is not kept as an alias: they follow new releases of what they require.
pub(crate) async fn compose(
    context: &Context,
    frontend: &Frontend,
    expanded: &Expanded,
) -> Result<(PathBuf, LockId), BuildError> {
    let session = &context.session;
    let resolved = session.resolve_with(frontend, expanded).await;
    let resolution = resolved.map_err(|error| match error {
        ResolveError::Conflict(conflict) => BuildError::Unsolvable { conflict, proposal: None },
        other => BuildError::Resolve(other),
    })?;
    let lock =
        Lock::new(&session.base.base, &resolution, frontend.index()).await.map_err(BuildError::Lock)?;
    let scratch = tempfile::tempdir_in(scratch_parent(context)?)
        .map_err(|source| BuildError::Disk { path: session.cache.scratch_dir(), source })?;
    let materials = prepare(context, frontend, &lock, scratch.path(), &Tally::default()).await?;
    let manifest = publish::manifest(&session.base.base, &lock, &materials).await?;
    let env_id = publish::manifest_and_lock(&context.store, &lock, &manifest).await?;
    let volume = context.volume.clone().unwrap_or_else(|| session.cache.builders_dir());
    let fetched = fetch(&context.store, env_id, &session.base, &volume).await;
    Ok((fetched.map_err(BuildError::Environment)?.path, manifest.lock_id))
}

fn scratch_parent(context: &Context) -> Result<PathBuf, BuildError> {
    let dir = context.session.cache.scratch_dir();
    let made = std::fs::create_dir_all(&dir);
    made.map(|()| dir.clone()).map_err(|source| BuildError::Disk { path: dir, source })
}

/// Reads a lock file.
pub fn read_lock(path: &Path) -> Result<Lock, BuildError> {
    let missing = || BuildError::Disk { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() };
    crate::lock::read(path)?.ok_or_else(missing)
}
