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
use objectstore::Store;

use super::{Frontend, SourceError};
use crate::blocking::blocking;
use crate::build::{self, BuildError};
use crate::environment::size_bytes;
use crate::session::{Options, Session};

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
    /// The environment with these requirements.
    ///
    /// On a thread of its own: what builds may itself have to be built, and no future can hold itself.
    pub(super) async fn environment(
        &self,
        label: &str,
        requires: &[Requirement],
    ) -> Result<Environment, SourceError> {
        let (frontend, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let (label, requires) = (label.to_owned(), requires.to_vec());
        blocking(move || {
            let dir = frontend.session().cache.builders_dir();
            let held = hold(&dir).map_err(|source| SourceError::Disk { path: dir.clone(), source })?;
            match runtime.block_on(frontend.make(&dir, &label, &requires)) {
                Ok((path, lock)) => Ok(Environment { path, lock, _held: held }),
                Err(source) => Err(SourceError::Environment { label, source: Box::new(source) }),
            }
        })
        .await
    }

    async fn make(
        &self,
        dir: &Path,
        label: &str,
        requires: &[Requirement],
    ) -> Result<(PathBuf, LockId), BuildError> {
        let session = bare(self.session());
        let file = format!("the build requirements of {label}");
        let text = requires.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
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
        let context =
            build::Context { session, store, volume: Some(volume), holder: "build environment".into() };
        build::compose(&context, self, &expanded).await
    }
}

/// Keeps the build environments from being removed; removes them first when they have become too many.
fn hold(dir: &Path) -> std::io::Result<File> {
    static ONCE: Once = Once::new();
    fs::create_dir_all(dir)?;
    let lock = File::options().create(true).write(true).truncate(false).open(dir.join("lock"))?;
    ONCE.call_once(|| {
        if lock.try_lock().is_ok() {
            trim(dir);
            drop(lock.unlock());
        }
    });
    lock.lock_shared()?;
    Ok(lock)
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
