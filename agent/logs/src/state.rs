//! Positions on disk: one small file per attempt.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use domain::Digest;

use crate::position::{Position, SCHEMA};

/// Positions of finished attempts that are kept, newest first: a deferred task may come back to one.
const FINISHED_LIMIT: usize = 10_000;

/// What an earlier agent left.
#[derive(Debug, Default)]
pub(crate) struct Saved {
    pub(crate) unfinished: Vec<Position>,
    pub(crate) finished: Vec<Position>,
}

/// The folder of the positions. All functions block.
#[derive(Debug, Clone)]
pub(crate) struct StateFolder {
    path: PathBuf,
}

impl StateFolder {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    pub(crate) fn path_of(&self, log_path: &str) -> PathBuf {
        // Log paths are longer than file names may be.
        self.path.join(format!("{}.json", Digest::of(log_path.as_bytes())))
    }

    /// The saved position; `None` when there is none that this version understands.
    pub(crate) fn load(&self, log_path: &str) -> io::Result<Option<Position>> {
        read(&self.path_of(log_path))
    }

    /// Saves a position: whole or not at all, also when the machine goes down.
    pub(crate) fn save(&self, position: &Position) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        let path = self.path_of(&position.log_path);
        // One agent owns the folder, and one pass an attempt: nobody else has this name.
        let temp = path.with_extension("tmp");
        let mut file = File::create(&temp)?;
        file.write_all(&serde_json::to_vec(position)?)?;
        file.sync_all()?;
        fs::rename(temp, path)
    }

    /// What is saved. Positions of finished attempts whose log is gone, or too many of them, are removed.
    pub(crate) fn saved(&self, log_folder: &Path) -> io::Result<Saved> {
        let entries = match fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Saved::default()),
            Err(error) => return Err(error),
        };
        let (mut unfinished, mut finished) = (Vec::new(), Vec::new());
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            match read(&path)? {
                Some(position) if position.finished => finished.push(position),
                Some(position) => unfinished.push(position),
                None => {}
            }
        }
        finished.sort_by_key(|position| std::cmp::Reverse(position.start_ms));
        let mut kept = Vec::new();
        for (rank, position) in finished.into_iter().enumerate() {
            if rank >= FINISHED_LIMIT || !log_folder.join(&position.log_path).exists() {
                self.remove(&position.log_path)?;
            } else {
                kept.push(position);
            }
        }
        Ok(Saved { unfinished, finished: kept })
    }

    pub(crate) fn remove(&self, log_path: &str) -> io::Result<()> {
        match fs::remove_file(self.path_of(log_path)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path) -> io::Result<Option<Position>> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let position: Option<Position> = serde_json::from_slice(&bytes).ok();
    let known = position.filter(|position| position.schema == SCHEMA);
    if known.is_none() {
        tracing::warn!(path = %path.display(), "a log position of another version is ignored: its log is shipped anew");
    }
    Ok(known)
}
