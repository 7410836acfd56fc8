use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use agent_core::DrainRecord;

/// Why a drain could not be remembered or recalled.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Reading.
    #[error("the drain record {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Understanding.
    #[error("the drain record {} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// Writing.
    #[error("the drain record {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// The file that keeps a drain over restarts of the agent.
#[derive(Debug, Clone)]
pub struct RecordFile {
    path: PathBuf,
    /// The folder belongs to this worker alone (a pod's volume) and ends with it; then the record outlives
    /// a clean stop too, so that a container that is started again stays drained.
    pub outlives_stop: bool,
}

impl RecordFile {
    /// A record at `path`.
    pub fn new(path: PathBuf, outlives_stop: bool) -> Self {
        Self { path, outlives_stop }
    }

    /// What was remembered.
    pub fn read(&self) -> Result<Option<DrainRecord>, RecordError> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RecordError::Read { path: self.path.clone(), source }),
        };
        let damaged = |source| RecordError::Damaged { path: self.path.clone(), source };
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Remembers, durably: temporary file, fsync, rename. Blocking, some milliseconds.
    pub fn write(&self, record: &DrainRecord) -> Result<(), RecordError> {
        let damaged = |source| RecordError::Damaged { path: self.path.clone(), source };
        let bytes = serde_json::to_vec(record).map_err(damaged)?;
        write_durably(&self.path, &bytes)
            .map_err(|source| RecordError::Write { path: self.path.clone(), source })
    }

    /// Forgets after a clean stop.
    pub fn forget(&self) {
        if !self.outlives_stop
            && let Err(error) = fs::remove_file(&self.path)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "the drain record stays behind");
        }
    }
}

/// Temporary file, fsync, rename, fsync of the folder. Blocking, some milliseconds.
pub(crate) fn write_durably(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_and_is_forgotten_after_a_stop() {
        let dir = tempfile::tempdir().unwrap();
        let file = RecordFile::new(dir.path().join("state/w1.drain.json"), false);
        assert_eq!(file.read().unwrap(), None);
        let record =
            DrainRecord { epoch: 3, cancelled: false, drained: true, cancelled_queues: vec!["heavy".into()] };
        file.write(&record).unwrap();
        assert_eq!(file.read().unwrap(), Some(record));
        file.forget();
        assert_eq!(file.read().unwrap(), None);
    }
}
