//! The real [`World`]: a log file, the log store, the state folder.

use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use objectstore::{Condition, Object, PutOutcome, Store};
use tokio::task;

use crate::error::ShipError;
use crate::pass::{Seen, World};
use crate::position::{FileId, Position};
use crate::state::StateFolder;

/// What the passes of one attempt work on. The file stays open between them: a log that is removed or
/// replaced is read to its end.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    open: Option<Arc<File>>,
    store: Store,
    state: StateFolder,
}

impl Disk {
    pub(crate) fn new(path: PathBuf, store: Store, state: StateFolder) -> Self {
        Self { path, open: None, store, state }
    }

    fn log_error(&self) -> impl FnOnce(io::Error) -> ShipError + use<> {
        let path = self.path.clone();
        move |source| ShipError::Log { path, source }
    }
}

impl World for Disk {
    type Error = ShipError;

    async fn look(&mut self) -> Result<Option<Seen>, ShipError> {
        let (path, open) = (self.path.clone(), self.open.take());
        let seen = blocking(move || {
            let at_path = match fs::metadata(&path) {
                Ok(metadata) => Some(id(&metadata)),
                Err(error) if is_absence(&error) => None,
                Err(error) => return Err(error),
            };
            let file = match (open, at_path) {
                (Some(file), _) => file,
                (None, None) => return Ok(None),
                (None, Some(_)) => match File::open(&path) {
                    Ok(file) => Arc::new(file),
                    // Removed just now.
                    Err(error) if is_absence(&error) => return Ok(None),
                    Err(error) => return Err(error),
                },
            };
            let metadata = file.metadata()?;
            let seen = Seen {
                file: id(&metadata),
                size_bytes: metadata.len(),
                replaced: at_path != Some(id(&metadata)),
            };
            Ok(Some((file, seen)))
        })
        .await
        .map_err(self.log_error())?;
        Ok(seen.map(|(file, seen)| {
            self.open = Some(file);
            seen
        }))
    }

    async fn read(&mut self, start: u64, limit_bytes: u64) -> Result<Vec<u8>, ShipError> {
        let Some(file) = self.open.clone() else { return Ok(Vec::new()) };
        blocking(move || {
            let available = file.metadata()?.len().saturating_sub(start).min(limit_bytes);
            let mut bytes = vec![0; usize::try_from(available).map_err(io::Error::other)?];
            let mut filled = 0;
            while filled < bytes.len() {
                match file.read_at(&mut bytes[filled..], start + filled as u64) {
                    // Emptied meanwhile.
                    Ok(0) => break,
                    Ok(length) => filled += length,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            bytes.truncate(filled);
            Ok(bytes)
        })
        .await
        .map_err(self.log_error())
    }

    fn close(&mut self) {
        self.open = None;
    }

    async fn put(
        &mut self,
        key: &str,
        content: Bytes,
        condition: Condition,
    ) -> Result<PutOutcome, ShipError> {
        self.store.put(key, content, condition).await.map_err(|source| ShipError::Store { source })
    }

    async fn get(&mut self, key: &str) -> Result<Option<Object>, ShipError> {
        self.store.get(key).await.map_err(|source| ShipError::Store { source })
    }

    async fn save(&mut self, position: &Position) -> Result<(), ShipError> {
        let (state, position) = (self.state.clone(), position.clone());
        let path = state.path_of(&position.log_path);
        blocking(move || state.save(&position)).await.map_err(|source| ShipError::State { path, source })
    }
}

fn id(metadata: &Metadata) -> FileId {
    FileId { device: metadata.dev(), inode: metadata.ino() }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
