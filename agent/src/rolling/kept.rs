use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use agent_core::rolling::Kept;
use serde::{Deserialize, Serialize};

use crate::worker::{Left, RunningFile, write_durably};

/// Version of the file.
const SCHEMA: u32 = 1;

/// The file that tells the next agent which generations this one has.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
    written: Kept,
}

#[derive(Serialize, Deserialize)]
struct Document {
    schema: u32,
    #[serde(flatten)]
    kept: Kept,
}

impl KeptFile {
    /// The file in `folder`.
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join("generations.json"), written: Kept::default() }
    }

    /// Its path.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What an earlier agent left, as far as it still runs. `running` finds the record of a generation's process.
    /// Needs a runtime.
    pub(super) fn left(&self, running: impl Fn(u32) -> RunningFile) -> io::Result<Kept> {
        let bytes = match fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Kept::default()),
            Err(error) => return Err(error),
        };
        let Document { schema, mut kept } = serde_json::from_slice(&bytes)?;
        if schema != SCHEMA {
            let text = format!("schema {schema}, expected {SCHEMA}");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let mut alive = Vec::new();
        for generation in kept.generations {
            let running = running(generation.number);
            match running.left()? {
                Left::Worker(..) => alive.push(generation),
                Left::Ended | Left::Nothing => running.forget(),
            }
        }
        kept.generations = alive;
        Ok(kept)
    }

    /// Writes down what changed, durably. Blocking, some milliseconds.
    pub(super) fn write(&mut self, kept: Kept) -> io::Result<()> {
        if kept != self.written {
            let bytes = serde_json::to_vec(&Document { schema: SCHEMA, kept: kept.clone() })?;
            write_durably(&self.path, &bytes)?;
            self.written = kept;
        }
        Ok(())
    }

    /// Nothing is left.
    pub(super) fn forget(&self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "the record of generations stays behind");
        }
    }
}
