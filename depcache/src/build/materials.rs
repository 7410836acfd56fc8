//! From a lock's wheels to published layers: what the store has is reused, the rest is downloaded, checked,
//! built and uploaded. Packages go through the steps independently, several at a time.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use bytes::Bytes;
use domain::layer::WheelLayer;
use domain::{Digest, LayerEntry, TargetId, Toc, keys};
use futures::stream::{self, StreamExt, TryStreamExt};
use objectstore::{Condition, PutOutcome, Store};
use tokio::sync::Semaphore;
use uv_normalize::PackageName;

use super::stored::{self, EntryPoints};
use super::{BuildError, Context};
use crate::blocking::blocking;
use crate::direct;
use crate::index::{Index, IndexError, IndexFile, read_metadata};
use crate::layers::{Builder, Built};
use crate::lock::{Lock, LockedFile, LockedPackage, LockedSource};
use crate::progress::Event;
use crate::source::{Frontend, SourceError};

/// Packages in work at a time: enough to keep network and cores busy, few enough to bound disk use.
const PACKAGES_AT_A_TIME: usize = 12;

/// A layer that is in the store.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) entry: LayerEntry,
    pub(super) toc: Toc,
    pub(super) entry_points: EntryPoints,
}

/// What was done for a lock, and how long it took; times are sums over packages that ran side by side.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) built: AtomicUsize,
    pub(super) reused: AtomicUsize,
    pub(super) download_ms: AtomicU64,
    pub(super) layers_ms: AtomicU64,
    pub(super) upload_ms: AtomicU64,
}

struct Work<'a> {
    store: &'a Store,
    index: &'a Index,
    frontend: &'a Frontend,
    lock: &'a Lock,
    builder: Arc<Builder>,
    cores: Semaphore,
    target: TargetId,
    tally: &'a Tally,
}

/// Layers of all packages of `lock`, in its order.
pub(super) async fn prepare(
    context: &Context,
    frontend: &Frontend,
    lock: &Lock,
    staging: &Path,
    tally: &Tally,
) -> Result<Vec<Material>, BuildError> {
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let base = &context.session.base.base;
    let builder = Builder::new(base, staging, cores)
        .map_err(|source| BuildError::Layer { filename: "the staging directory".into(), source })?;
    let work = Work {
        store: &context.store,
        index: frontend.index(),
        frontend,
        lock,
        builder: Arc::new(builder),
        // One more than cores: a builder that waits for its interpreter leaves a core idle.
        cores: Semaphore::new(cores + 1),
        target: lock.target_id,
        tally,
    };
    let progress = &context.session.progress;
    let started = Instant::now();
    progress.tell(Event::Started { step: "layers", total: lock.packages.len() as u64 });
    let materials: Vec<Material> = stream::iter(&lock.packages)
        .map(|package| async {
            let material = material(&work, package).await?;
            progress.tell(Event::Advanced { step: "layers", what: &package.name });
            Ok::<_, BuildError>(material)
        })
        .buffered(PACKAGES_AT_A_TIME)
        .try_collect()
        .await?;
    let (built, reused) = (tally.built.load(Ordering::Relaxed), tally.reused.load(Ordering::Relaxed));
    let outcome = format!("{built} built, {reused} reused");
    progress.tell(Event::Finished { step: "layers", took_ms: since_ms(started), outcome: &outcome });
    Ok(materials)
}

/// A wheel on this disk, and under which content its layer is looked for in the store.
struct Wheel {
    path: PathBuf,
    filename: String,
    key: Digest,
}

async fn material(work: &Work<'_>, package: &LockedPackage) -> Result<Material, BuildError> {
    if let Some(key) = layer_key(package)
        && let Some(entry) = stored::wheel_layer(work.store, &key, work.target).await?
    {
        work.tally.reused.fetch_add(1, Ordering::Relaxed);
        return existing(work.store, entry).await;
    }
    let started = Instant::now();
    let wheel = match &package.source {
        LockedSource::Wheel(file) => downloaded(work, package, file).await?,
        _ => from_source(work, package).await?,
    };
    work.tally.download_ms.fetch_add(since_ms(started), Ordering::Relaxed);

    // The semaphore is never closed.
    let core = work.cores.acquire().await;
    let started = Instant::now();
    let (builder, path, filename) = (Arc::clone(&work.builder), wheel.path.clone(), wheel.filename.clone());
    let built = blocking(move || {
        builder.from_wheel(&path, &filename).map_err(|source| BuildError::Layer { filename, source })
    })
    .await?;
    work.tally.layers_ms.fetch_add(since_ms(started), Ordering::Relaxed);
    drop(core);
    for (path, reason) in &built.uncompiled {
        tracing::debug!(path, reason, "not compiled");
    }

    let started = Instant::now();
    let published = publish(work, &wheel, built).await;
    work.tally.upload_ms.fetch_add(since_ms(started), Ordering::Relaxed);
    work.tally.built.fetch_add(1, Ordering::Relaxed);
    published
}

async fn downloaded(
    work: &Work<'_>,
    package: &LockedPackage,
    file: &LockedFile,
) -> Result<Wheel, BuildError> {
    let download = |source| BuildError::Download { filename: file.filename.clone(), source };
    let offered = locate(work.index, package, file).await.map_err(download)?;
    let path = work.index.wheel(&offered, Some(file.sha256)).await.map_err(download)?;
    let (checked, filename, expected) = (path.clone(), file.filename.clone(), package.metadata_sha256);
    blocking(move || check_metadata(&checked, &filename, expected)).await?;
    Ok(Wheel { path, filename: file.filename.clone(), key: file.sha256 })
}

/// The wheel of a source tree. Who built a source distribution first decides for the store: the same lock then gives the
/// same environment everywhere, although hardly two builds give the same bytes.
async fn from_source(work: &Work<'_>, package: &LockedPackage) -> Result<Wheel, BuildError> {
    let source = match &package.source {
        LockedSource::Sdist(file) => {
            let download = |source| BuildError::Download { filename: file.filename.clone(), source };
            let offered = locate(work.index, package, file).await.map_err(download)?;
            let unnamed = || BuildError::NotAWheel { package: package.name.clone() };
            let (Ok(name), Ok(version)) = (package.name.parse(), package.version.parse()) else {
                return Err(unnamed());
            };
            let fetched = work.frontend.sdist(&name, &version, &offered, Some(file.sha256)).await;
            fetched.map_err(|source| unmade(work.lock, package, source))?
        }
        _ => match direct::locked(work.frontend, package).await.map_err(BuildError::Place)? {
            Ok(path) => return placed(package, path).await,
            Err(source) => source,
        },
    };
    let built = work.frontend.wheel(&source).await.map_err(|source| unmade(work.lock, package, source))?;
    let actual = built.known.digest();
    if let Some(expected) = package.metadata_sha256
        && actual != expected
    {
        return Err(BuildError::MetadataDiffers { filename: built.filename, expected, actual });
    }
    let key = layer_key(package).unwrap_or(built.sha256);
    Ok(Wheel { path: built.path, filename: built.filename, key })
}

fn unmade(lock: &Lock, package: &LockedPackage, source: SourceError) -> BuildError {
    let requires = |other: &&LockedPackage| other.requires.contains(&package.name);
    let mut needed_by: Vec<&str> =
        lock.packages.iter().filter(requires).map(|other| other.name.as_str()).collect();
    if lock.requested.contains(&package.name) {
        needed_by.insert(0, "your requirements");
    }
    let needed_by = if needed_by.is_empty() { "the base".into() } else { needed_by.join(", ") };
    BuildError::Source { package: format!("{} {}", package.name, package.version), needed_by, source }
}

/// A wheel that the requirements name by its place.
async fn placed(package: &LockedPackage, path: PathBuf) -> Result<Wheel, BuildError> {
    let Some(file) = package.source.file() else {
        return Err(BuildError::NotAWheel { package: package.name.clone() });
    };
    let (checked, filename, expected) = (path.clone(), file.filename.clone(), package.metadata_sha256);
    blocking(move || check_metadata(&checked, &filename, expected)).await?;
    Ok(Wheel { path, filename: file.filename.clone(), key: file.sha256 })
}

/// What tells the layer of this package from others before its wheel is there. Projects of one archive differ by their
/// directories.
fn layer_key(package: &LockedPackage) -> Option<Digest> {
    let sha256 = package.source.file()?.sha256;
    Some(match &package.source {
        LockedSource::Archive { subdirectory: Some(below), .. } => {
            Digest::of(format!("{sha256} {below}").as_bytes())
        }
        _ => sha256,
    })
}

async fn existing(store: &Store, entry: LayerEntry) -> Result<Material, BuildError> {
    let toc = stored::toc(store, &entry).await?;
    let entry_points = stored::entry_points(store, &toc).await?;
    Ok(Material { entry, toc, entry_points })
}

/// Tar, table of contents, then the create-only wheel map that decides between builders.
async fn publish(work: &Work<'_>, wheel: &Wheel, built: Built) -> Result<Material, BuildError> {
    let digest = built.entry.tar_digest;
    let uploaded = work.store.put_file(&keys::layer(&digest), &built.tar_zst, Condition::Absent).await;
    if let Err(error) = std::fs::remove_file(&built.tar_zst) {
        tracing::debug!(%error, path = %built.tar_zst.display(), "left in the staging directory");
    }
    uploaded?;
    work.store.put(&keys::toc(&digest), Bytes::from(built.toc_zst), Condition::Absent).await?;
    let record = WheelLayer { schema: 1, filename: wheel.filename.clone(), layer: built.entry.clone() };
    let key = keys::wheel(&wheel.key, work.target);
    let bytes = domain::canonical::to_bytes(&record)?;
    match work.store.put(&key, bytes.into(), Condition::Absent).await? {
        PutOutcome::Written(_) => {
            Ok(Material { entry: built.entry, toc: built.toc, entry_points: built.entry_points })
        }
        PutOutcome::Refused => {
            let winner = stored::wheel_layer(work.store, &wheel.key, work.target).await?;
            let what = "it exists and cannot be read".to_owned();
            existing(work.store, winner.ok_or(BuildError::Damaged { key, what })?).await
        }
    }
}

/// The file by its name and hash on the configured index: a lock's own addresses are never followed.
async fn locate(index: &Index, package: &LockedPackage, wheel: &LockedFile) -> Result<IndexFile, IndexError> {
    let url = || wheel.url.clone().unwrap_or_else(|| wheel.filename.clone());
    let Ok(name) = package.name.parse::<PackageName>() else {
        return Err(IndexError::NotFound { url: url() });
    };
    let named = index.files(&name).await?.named(&name, &wheel.filename);
    let same = named.iter().find(|file| file.sha256.is_none_or(|sha256| sha256 == wheel.sha256));
    match (same, named.first().and_then(|file| file.sha256)) {
        (Some(file), _) => Ok(file.clone()),
        (None, Some(actual)) => {
            Err(IndexError::HashMismatch { filename: wheel.filename.clone(), expected: wheel.sha256, actual })
        }
        (None, None) => Err(IndexError::NotFound { url: url() }),
    }
}

fn check_metadata(path: &Path, filename: &str, expected: Option<Digest>) -> Result<(), BuildError> {
    let Some(expected) = expected else { return Ok(()) };
    let file =
        std::fs::File::open(path).map_err(|source| BuildError::Disk { path: path.to_owned(), source })?;
    let metadata = read_metadata(std::io::BufReader::new(file)).map_err(|what| BuildError::Download {
        filename: filename.to_owned(),
        source: IndexError::BrokenWheel { filename: filename.to_owned(), what },
    })?;
    let actual = Digest::of(&metadata);
    if actual == expected {
        return Ok(());
    }
    Err(BuildError::MetadataDiffers { filename: filename.to_owned(), expected, actual })
}

pub(super) fn since_ms(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
