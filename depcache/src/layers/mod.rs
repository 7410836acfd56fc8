//! Wheels become layers: staged, compiled by the base's own interpreter, packed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use domain::{Base, LayerEntry, Toc};

/// One wheel as a layer, on local disk, ready to be published.
#[derive(Debug)]
pub struct Built {
    /// The layer as a manifest and the wheel map name it.
    pub entry: LayerEntry,
    /// Its table of contents.
    pub toc: Toc,
    /// The compressed tar (`keys::layer`), a file in the staging directory; the caller removes it after upload.
    pub tar_zst: PathBuf,
    /// The compressed table of contents (`keys::toc`).
    pub toc_zst: Vec<u8>,
    /// Entry points: group → name → object reference.
    pub entry_points: BTreeMap<String, BTreeMap<String, String>>,
    /// Python files that do not compile, as `(path, reason)`; they are in the layer without bytecode.
    pub uncompiled: Vec<(String, String)>,
}

/// Turns wheels into layers for one base. `Sync`: call `from_wheel` from as many blocking threads as you like,
/// at most `processes` interpreters compile at a time.
#[derive(Debug)]
pub struct Builder {}

/// Why a wheel did not become a layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {}

impl Builder {
    /// Starts no process yet; `staging_dir` is created and should be on the disk that has room for unpacked wheels.
    pub fn new(_base: &Base, _staging_dir: &Path, _processes: usize) -> Result<Self, LayerError> {
        todo!()
    }
    /// Blocking. `filename` is the wheel's own name (`numpy-1.26.4-cp311-….whl`); `wheel` may be named anything.
    pub fn from_wheel(&self, _wheel: &Path, _filename: &str) -> Result<Built, LayerError> {
        todo!()
    }
}
