//! One layer on a volume: `layers/<tar digest>/`, unpacked, with its table of contents beside its files.

use std::fs::{self, File};
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use depcache_layer::{decode_toc, first_difference, unpack};
use domain::{LayerEntry, Toc, keys};
use objectstore::Store;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::compose::publish;
use super::making::{TEMPORARY, mark_making};
use super::{EnvironmentError, boot};

/// Layers up to this tar size pass through memory: with at most 16 on their way that is bounded, and saves writing
/// them twice.
const IN_MEMORY_BYTES: u64 = 8 << 20;
/// The stored table of contents, beside the layer's own files; no wheel can bring this name.
const TOC: &str = ".updraft-toc.zst";
/// The boot that wrote or verified the layer.
const BOOT: &str = ".updraft-boot";

/// A layer that an environment needs on a volume.
#[derive(Debug, Clone)]
pub(super) struct VolumeLayer {
    directory: PathBuf,
    layers_dir: PathBuf,
    entry: LayerEntry,
}

/// What it cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Transfer {
    pub(super) fetched: bool,
    pub(super) bytes: u64,
}

/// Compressed bytes on their way to the disk.
enum Source {
    Memory(bytes::Bytes),
    Disk(tempfile::TempPath),
}

impl VolumeLayer {
    pub(super) fn new(layers_dir: &Path, entry: &LayerEntry) -> Self {
        Self {
            directory: layers_dir.join(entry.tar_digest.hex()),
            layers_dir: layers_dir.to_owned(),
            entry: entry.clone(),
        }
    }

    /// Fetches, verifies and unpacks the layer unless it is here already.
    pub(super) async fn ensure(
        self,
        store: &Store,
        unpacking: &Arc<Semaphore>,
    ) -> Result<(Toc, Transfer), EnvironmentError> {
        let layer = self.clone();
        if let Some(toc) = blocking(unpacking, move || layer.present()).await? {
            return Ok((toc, Transfer::default()));
        }
        let (toc_key, key) = (keys::toc(&self.entry.tar_digest), keys::layer(&self.entry.tar_digest));
        let (stored, (source, size)) = futures::try_join!(
            self.object(store, &toc_key, "table of contents"),
            self.download(store, &key)
        )?;
        let transfer = Transfer { fetched: true, bytes: size + stored.len() as u64 };
        let toc = blocking(unpacking, move || {
            let toc = decode_toc(&stored, &self.entry.toc_digest).map_err(|source| self.toc(source))?;
            self.unpack(&source, &stored, &toc).map(|()| toc)
        });
        Ok((toc.await?, transfer))
    }

    async fn download(&self, store: &Store, key: &str) -> Result<(Source, u64), EnvironmentError> {
        if self.entry.tar_size <= IN_MEMORY_BYTES {
            let bytes = self.object(store, key, "layer").await?;
            let size = bytes.len() as u64;
            return Ok((Source::Memory(bytes), size));
        }
        let temporary = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.layers_dir);
        let path = temporary.map_err(EnvironmentError::file("create", &self.layers_dir))?.into_temp_path();
        let size = store.get_to_file(key, &path).await.map_err(|source| self.store("layer", source))?;
        Ok((Source::Disk(path), size.ok_or_else(|| self.missing("layer"))?))
    }

    /// The table of contents when the layer is here and whole.
    fn present(&self) -> Result<Option<Toc>, EnvironmentError> {
        let Ok(stored) = fs::read(self.directory.join(TOC)) else { return Ok(None) };
        let Ok(toc) = decode_toc(&stored, &self.entry.toc_digest) else { return Ok(None) };
        let marker = self.directory.join(BOOT);
        if boot::is_current(&marker) {
            return Ok(Some(toc));
        }
        // An earlier boot wrote it: a crash may have cut files short.
        let file = EnvironmentError::file("verify", &self.directory);
        if first_difference(&self.directory, &toc).map_err(file)?.is_some() {
            return Ok(None);
        }
        boot::mark(&marker).map_err(EnvironmentError::file("write", marker))?;
        Ok(Some(toc))
    }

    fn unpack(&self, source: &Source, stored: &[u8], toc: &Toc) -> Result<(), EnvironmentError> {
        let making = tempfile::Builder::new()
            .prefix(TEMPORARY)
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .tempdir_in(&self.layers_dir)
            .map_err(EnvironmentError::file("create", &self.layers_dir))?;
        let _ours = mark_making(making.path()).map_err(EnvironmentError::file("lock", making.path()))?;
        let reader: Box<dyn Read> = match source {
            Source::Memory(bytes) => Box::new(Cursor::new(bytes)),
            Source::Disk(path) => {
                Box::new(File::open(path).map_err(EnvironmentError::file("open", path.to_path_buf()))?)
            }
        };
        unpack(reader, toc, making.path())
            .map_err(|source| EnvironmentError::Unpack { name: self.entry.name.clone(), source })?;
        let file = making.path().join(TOC);
        fs::write(&file, stored).map_err(EnvironmentError::file("write", file))?;
        let marker = making.path().join(BOOT);
        boot::mark(&marker).map_err(EnvironmentError::file("write", marker))?;
        publish(making, &self.directory, |directory| boot::is_current(&directory.join(BOOT)))
    }

    async fn object(&self, store: &Store, key: &str, what: &str) -> Result<bytes::Bytes, EnvironmentError> {
        let object = store.get(key).await.map_err(|source| self.store(what, source))?;
        Ok(object.ok_or_else(|| self.missing(what))?.bytes)
    }

    fn words(&self, what: &str) -> String {
        format!("{what} {} of {} {}", self.entry.tar_digest.short(), self.entry.name, self.entry.version)
    }

    fn store(&self, what: &str, source: objectstore::Error) -> EnvironmentError {
        EnvironmentError::Store { what: self.words(what), source }
    }

    fn missing(&self, what: &str) -> EnvironmentError {
        EnvironmentError::Missing { what: self.words(what) }
    }

    fn toc(&self, source: depcache_layer::TocError) -> EnvironmentError {
        EnvironmentError::Toc { name: self.entry.name.clone(), source }
    }
}

/// Runs on a blocking thread, as many at a time as there are processors.
async fn blocking<T: Send + 'static>(
    slots: &Arc<Semaphore>,
    work: impl FnOnce() -> Result<T, EnvironmentError> + Send + 'static,
) -> Result<T, EnvironmentError> {
    // The semaphore is never closed; without a permit the work is only less bounded.
    let permit = Arc::clone(slots).acquire_owned().await.ok();
    let result = spawn_blocking(move || {
        let _permit = permit;
        work()
    });
    result.await.map_err(EnvironmentError::Ended)?
}
