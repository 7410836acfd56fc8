//! The base of this machine: asked once, remembered on the volume as long as nothing was installed.

use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use depcache::base::BaseError;
use depcache::index::Cache;
use domain::{BaseId, BaseRecord, Digest, keys};
use objectstore::{Condition, Store};
use serde::{Deserialize, Serialize};

/// Why the base is not known, or not announced.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The interpreter did not say.
    #[error("the base cannot be described")]
    Describe(#[from] BaseError),
    /// The description has no identity.
    #[error("the base has no identity")]
    Identity(#[from] domain::canonical::CanonicalError),
    /// The store did not take or give it.
    #[error("the base is not announced")]
    Store(#[from] objectstore::Error),
    /// It could not be written as JSON.
    #[error("the base cannot be written")]
    Encode(#[from] serde_json::Error),
    /// The thread that asked is gone.
    #[error("the interpreter was not asked")]
    Thread(#[from] tokio::task::JoinError),
}

/// A base and its identity.
#[derive(Debug, Clone)]
pub struct Known {
    /// The description. Its list of loaded distributions may be empty.
    pub record: BaseRecord,
    /// The identity.
    pub id: BaseId,
}

/// What was said, and what must not have changed since.
#[derive(Serialize, Deserialize)]
struct Remembered {
    fingerprint: Vec<Stamp>,
    record: BaseRecord,
}

/// A path with what changes when something is installed into it.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    path: PathBuf,
    inode: u64,
    mtime_s: i64,
    mtime_ns: i64,
}

/// The interpreter of the base for a command: beside the program, else `python3` on `PATH`.
pub fn interpreter(asked: Option<&Path>, command: &[String]) -> String {
    if let Some(python) = asked {
        return python.display().to_string();
    }
    let program = command.first().map_or(Path::new(""), Path::new);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folder = if program.is_absolute() {
        program.parent().map(Path::to_owned)
    } else {
        std::env::split_paths(&path).find(|folder| folder.join(program).is_file())
    };
    let beside = folder.map(|folder| folder.join("python")).filter(|python| python.is_file());
    beside.map_or_else(|| "python3".to_owned(), |python| python.display().to_string())
}

/// Identifies the base of `python`. Blocking: a millisecond when it is remembered in `folder`, else the
/// time the interpreter takes to list what is installed.
pub fn identify(python: &str, folder: &Path) -> Result<Known, Error> {
    let python = depcache::base::resolve_interpreter(python)?;
    let path = folder.join(format!("{}.json", Digest::of(python.as_os_str().as_encoded_bytes()).short()));
    let remembered = fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Remembered>(&bytes).ok());
    if let Some(remembered) = remembered
        && fingerprint(&python, &remembered.record).is_some_and(|now| now == remembered.fingerprint)
    {
        let id = remembered.record.base.id()?;
        return Ok(Known { record: remembered.record, id });
    }
    let record = depcache::base::identify(&python.display().to_string())?;
    let id = record.base.id()?;
    if let Some(fingerprint) = fingerprint(&python, &record) {
        let remembered = Remembered { fingerprint, record: record.clone() };
        if let Err(error) = remember(&path, &remembered) {
            tracing::warn!(path = %path.display(), %error, "the base is not remembered; each start asks the interpreter");
        }
    }
    Ok(Known { record, id })
}

fn remember(path: &Path, remembered: &Remembered) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(remembered)?)?;
    file.as_file().sync_all()?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

fn fingerprint(python: &Path, record: &BaseRecord) -> Option<Vec<Stamp>> {
    let prefix = Path::new(&record.base.interpreter.prefix);
    let mut paths = vec![python.to_owned(), prefix.join("pyvenv.cfg")];
    paths.extend(record.base.site_dirs.iter().map(PathBuf::from));
    let stamp = |path: PathBuf| match fs::metadata(&path) {
        Ok(meta) => {
            Some(Stamp { path, inode: meta.ino(), mtime_s: meta.mtime(), mtime_ns: meta.mtime_nsec() })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Some(Stamp { path, inode: 0, mtime_s: 0, mtime_ns: 0 })
        }
        Err(_) => None,
    };
    paths.into_iter().map(stamp).collect()
}

/// Tells the store that this base lives, so that environments are built for it. Only the first machine of a
/// base imports Airflow for the list of what a worker has loaded (seconds); later ones renew the day.
pub async fn announce(store: &Store, python: &str, known: &Known, cache_dir: &Path) -> Result<(), Error> {
    let key = keys::base(known.id);
    let today = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    if let Some(object) = store.get(&key).await? {
        let mut record: BaseRecord = serde_json::from_slice(&object.bytes)?;
        if record.last_seen < today {
            record.last_seen = today;
            // Refused: another machine renewed it.
            store.put(&key, encode(&record)?, Condition::Matches(object.etag)).await?;
        }
        return Ok(());
    }
    let (python, cache) = (python.to_owned(), Cache::at(cache_dir));
    let record =
        tokio::task::spawn_blocking(move || depcache::base::describe_cached(&python, &cache)).await??;
    store.put(&key, encode(&record)?, Condition::Absent).await?;
    tracing::info!(base = known.id.short(), loaded = record.loaded.len(), "base announced");
    Ok(())
}

fn encode(record: &BaseRecord) -> Result<Bytes, serde_json::Error> {
    serde_json::to_vec_pretty(record).map(Bytes::from)
}
