//! Compares what the store holds of an environment with its digests.

use domain::{LayerEntry, Manifest, keys};
use futures::stream::{self, StreamExt, TryStreamExt};
use objectstore::Store;

use super::{BuildError, stored};
use crate::blocking::blocking;

/// Layers that are checked at a time; each is unpacked to a temporary directory.
const LAYERS_AT_A_TIME: usize = 4;

/// Outcome for one layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// All digests match.
    Sound,
    /// Something does not, in words.
    Damaged(String),
}

/// Checks every layer: table of contents, frames, files. In the manifest's order.
pub async fn check_layers(
    store: &Store,
    manifest: &Manifest,
) -> Result<Vec<(LayerEntry, Health)>, BuildError> {
    stream::iter(&manifest.layers)
        .map(|layer| async move {
            let health = match check(store, layer).await {
                Ok(()) => Health::Sound,
                Err(BuildError::Damaged { what, .. }) => Health::Damaged(what),
                Err(other) => return Err(other),
            };
            Ok((layer.clone(), health))
        })
        .buffered(LAYERS_AT_A_TIME)
        .try_collect()
        .await
}

async fn check(store: &Store, layer: &LayerEntry) -> Result<(), BuildError> {
    let toc = stored::toc(store, layer).await?;
    let key = keys::layer(&layer.tar_digest);
    let disk = |source| BuildError::Disk { path: std::env::temp_dir(), source };
    let dir = tempfile::tempdir().map_err(disk)?;
    let file = dir.path().join("layer");
    if store.get_to_file(&key, &file).await?.is_none() {
        return Err(BuildError::Damaged { key, what: "its tar is missing".into() });
    }
    let target = dir.path().join("unpacked");
    let unpacked = blocking(move || {
        std::fs::create_dir(&target).map_err(disk)?;
        let reader = std::fs::File::open(&file).map_err(disk)?;
        depcache_layer::unpack(reader, &toc, &target)
            .map_err(|error| BuildError::Damaged { key, what: error.to_string() })
    });
    unpacked.await
}
