//! A lock that a command line names: a file, or an environment whose lock the store keeps.

use std::path::Path;

use clap::Args;
use depcache::build::BuildError;
use depcache::lock::{self, Lock};
use domain::{EnvId, exit, keys};
use objectstore::Store;

use super::Failure;

/// The store that is asked when an environment is named instead of a file.
#[derive(Debug, Args)]
pub(crate) struct LockStore {
    /// Object store of environments that are named by id.
    #[arg(long, env = "UPDRAFT_STORE", value_name = "URL")]
    store: Option<String>,
}

impl LockStore {
    /// The lock that `name` stands for: a path, or an environment id.
    pub(super) async fn read(&self, name: &str) -> Result<Lock, Failure> {
        let Ok(env_id) = name.parse::<EnvId>() else {
            return lock::read(Path::new(name))?.ok_or_else(|| {
                let hint = "expected a pylock.toml or the id of an environment";
                Failure::new(exit::DATA, format!("there is no lock {name}"), Some(hint.into()))
            });
        };
        let Some(address) = &self.store else {
            let hint = "name the store with --store or UPDRAFT_STORE";
            return Err(Failure::new(exit::USAGE, "environments are kept in a store", Some(hint.into())));
        };
        let store = Store::open(address).await?;
        let manifest = super::show::existing(&store, env_id).await?;
        let key = keys::lock(manifest.lock_id);
        let damaged = |what: String| BuildError::Damaged { key: key.clone(), what };
        let object = store.get(&key).await?.ok_or_else(|| damaged("it is missing".into()))?;
        let text = String::from_utf8_lossy(&object.bytes);
        Ok(Lock::from_toml(&text).map_err(|error| damaged(error.to_string()))?)
    }
}
