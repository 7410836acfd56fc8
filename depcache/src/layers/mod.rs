//! Wheels become layers: staged, compiled by the base's own interpreter, packed.
//!
//! - A wheel, a target and nothing else decide the layer's tar: file order, times, owners, hash seeds and what was
//!   compiled before do not.
//! - At most the given number of interpreters compile at a time; a file that takes too long fails the build.
//!
//! ```no_run
//! # fn example(base: &domain::Base) -> Result<(), Box<dyn std::error::Error>> {
//! let builder = depcache::layers::Builder::new(base, "/var/tmp/layers".as_ref(), 2)?;
//! let built = builder.from_wheel("six.whl".as_ref(), "six-1.16.0-py2.py3-none-any.whl")?;
//! assert_eq!(built.entry.name, "six");
//! # Ok(())
//! # }
//! ```

mod compiler;
mod error;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use depcache_layer::{Layout, Limits, Origin, Staging, Wheel, encode_toc, pack};
use domain::{Base, LayerEntry, Toc};

use compiler::Compiler;
pub use compiler::FILE_TIMEOUT_S;
pub use error::LayerError;

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

/// Turns wheels into layers for one base.
///
/// `Sync`: call [`from_wheel`](Self::from_wheel) from as many blocking threads as you like, at most `processes`
/// interpreters compile at a time.
#[derive(Debug)]
pub struct Builder {
    layout: Layout,
    compiler: Compiler,
    staging_dir: PathBuf,
}

/// The layout of environments over `base`.
pub(crate) fn layout(base: &Base) -> Layout {
    Layout::new(&base.interpreter.implementation, &base.python_minor())
}

impl Builder {
    /// Starts no process yet. `staging_dir` is created; it needs room for unpacked wheels and packed layers.
    pub fn new(base: &Base, staging_dir: &Path, processes: usize) -> Result<Self, LayerError> {
        fs::create_dir_all(staging_dir)
            .map_err(|source| LayerError::File { path: staging_dir.into(), source })?;
        Ok(Self {
            layout: layout(base),
            compiler: Compiler::new(&base.interpreter, processes),
            staging_dir: staging_dir.into(),
        })
    }

    /// Blocking. `filename` is the wheel's own name (`numpy-1.26.4-cp311-….whl`); the file may be called anything.
    /// The caller has checked the file's digest.
    pub fn from_wheel(&self, wheel: &Path, filename: &str) -> Result<Built, LayerError> {
        let broken = |source| LayerError::Wheel { filename: filename.into(), source };
        let reader = File::open(wheel).map_err(at(wheel))?;
        let mut wheel = Wheel::open(reader, filename, Limits::default()).map_err(broken)?;
        let directory = tempfile::tempdir_in(&self.staging_dir).map_err(at(&self.staging_dir))?;
        let mut staging = Staging::new(directory.path());
        wheel.stage(&self.layout, &mut staging).map_err(broken)?;

        let sources: Vec<String> = staging.paths().filter(|p| self.is_source(p)).map(str::to_owned).collect();
        let outcome = self.compiler.compile(directory.path(), &sources)?;
        outcome.compiled.iter().try_for_each(|path| staging.adopt(path)).map_err(broken)?;

        let members = staging.finish().map_err(broken)?;
        let real = staging.run_paths_leave().map_err(at(directory.path()))?;
        let origin = Origin::new(wheel.name(), wheel.version(), "lib").needing_real_directories(real);
        let out = tempfile::NamedTempFile::new_in(&self.staging_dir).map_err(at(&self.staging_dir))?;
        let packed = pack(&members, &staging, &origin, BufWriter::new(out))
            .map_err(|source| LayerError::Pack { filename: filename.into(), source })?;
        let (toc_zst, toc_digest) = encode_toc(&packed.toc)
            .map_err(|source| LayerError::Toc { filename: filename.into(), source })?;
        let out = packed.out.into_inner().map_err(|error| at(&self.staging_dir)(error.into_error()))?;
        let (_, tar_zst) = out.keep().map_err(|error| at(&self.staging_dir)(error.error))?;
        let entry = LayerEntry {
            tar_digest: packed.toc.tar_digest,
            toc_digest,
            tar_size: packed.toc.tar_size,
            files: members.len() as u64,
            name: wheel.name().into(),
            version: wheel.version().into(),
        };
        Ok(Built {
            entry,
            toc: packed.toc,
            tar_zst,
            toc_zst,
            entry_points: wheel.entry_points().clone(),
            uncompiled: outcome.skipped,
        })
    }

    /// Python files where an interpreter looks for modules; scripts and data files are not imported.
    fn is_source(&self, path: &str) -> bool {
        path.strip_suffix(".py").is_some()
            && path.strip_prefix(&self.layout.site_packages).is_some_and(|rest| rest.starts_with('/'))
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LayerError {
    let path = path.to_owned();
    move |source| LayerError::File { path, source }
}
