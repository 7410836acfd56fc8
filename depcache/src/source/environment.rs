//! Build environments: the requirements of a build, resolved for the bare interpreter and composed from layers.
//!
//! They live in the cache, in a store and a volume of their own: layers of setuptools and its like are made once per
//! machine, and an environment that exists costs a few links. The user's constraints do not apply to them; the indexes
//! and the cut-off do.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Once;

use depcache_resolve::facts::Requirement;
use domain::{BaseRecord, LockId};
use futures::future::BoxFuture;
use objectstore::Store;

use super::{Frontend, SourceError};
use crate::build::{self, BuildError};
use crate::environment::{EnvironmentError, size_bytes};
use crate::session::{Options, Session, blocking};

/// Above this the build environments of earlier builds are removed, all of them: they are quickly made again.
const LIMIT_BYTES: u64 = 4 << 30;

/// A build environment, held while this value lives.
#[derive(Debug)]
pub(super) struct Environment {
    pub(super) path: PathBuf,
    pub(super) lock: LockId,
    _held: File,
}

/// The session in which build requirements are resolved: the same interpreter with nothing installed.
pub(super) fn bare(session: &Session) -> Session {
    let mut base = session.base.base.clone();
    base.distributions.clear();
    base.site_dirs.clear();
    let base = BaseRecord { base, loaded: Vec::new(), ..session.base.clone() };
    let options = Options {
        exclude_newer: session.options.exclude_newer,
        builds: session.options.builds.clone(),
        ..Options::default()
    };
    Session { base, options, progress: crate::progress::Progress::default(), ..session.clone() }
}

impl Frontend {
    /// The environment with these requirements. Boxed: what builds may itself have to be built.
    pub(super) fn environment<'a>(
        &'a self,
        label: &'a str,
        requires: &'a [Requirement],
    ) -> BoxFuture<'a, Result<Environment, SourceError>> {
        Box::pin(async move {
            let failed = |source| SourceError::Environment { label: label.into(), source: Box::new(source) };
            let dir = self.session().cache.builders_dir();
            let held = hold(&dir).await.map_err(|source| SourceError::Disk { path: dir.clone(), source })?;
            let made = self.make(&dir, label, requires).await.map_err(failed)?;
            let (path, lock) = made;
            Ok(Environment { path, lock, _held: held })
        })
    }

    async fn make(
        &self,
        dir: &Path,
        label: &str,
        requires: &[Requirement],
    ) -> Result<(PathBuf, LockId), BuildError> {
        let session = bare(self.session());
        let file = format!("the build requirements of {label}");
        let text: String = requires.iter().map(|requirement| format!("{requirement}\n")).collect();
        let read = |_: &str| Ok(text.clone().into_bytes());
        let expanded = depcache_resolve::expand(&[file.as_str()], &[], &read, &BTreeMap::new())
            .map_err(BuildError::Requirements)?;
        let store = dir.join("store");
        let disk = |source| BuildError::Disk { path: dir.to_owned(), source };
        fs::create_dir_all(&store).map_err(disk)?;
        let store = Store::open(&format!("file://{}", store.display())).await?;
        let volume = dir.join("volume");
        fs::create_dir_all(&volume).map_err(disk)?;
        let volume = volume.canonicalize().map_err(disk)?;
        let context = build::Context { session, store, volume: Some(volume), holder: "build environment".into() };
        build::compose(&context, self, &expanded).await
    }
}

/// Keeps the build environments from being removed; removes them first when they have become too many.
async fn hold(dir: &Path) -> std::io::Result<File> {
    static ONCE: Once = Once::new();
    let dir = dir.to_owned();
    blocking(move || {
        fs::create_dir_all(&dir)?;
        let lock = File::options().create(true).write(true).truncate(false).open(dir.join("lock"))?;
        ONCE.call_once(|| {
            if lock.try_lock().is_ok() {
                trim(&dir);
                drop(lock.unlock());
            }
        });
        lock.lock_shared()?;
        Ok(lock)
    })
    .await
}

fn trim(dir: &Path) {
    let parts = ["store", "volume"].map(|name| dir.join(name));
    let total: u64 = parts.iter().map(|part| size_bytes(part)).sum();
    if total > LIMIT_BYTES {
        for part in parts {
            // What cannot be removed now is tried again by the next process.
            drop(fs::remove_dir_all(part));
        }
    }
}

impl From<EnvironmentError> for BuildError {
    fn from(error: EnvironmentError) -> Self {
        Self::Environment(error)
    }
}
