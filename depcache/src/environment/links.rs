//! Makes a tree on disk.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use depcache_layer::relocate_script;
use domain::Toc;

use super::EnvironmentError;
use super::base_files::split;
use super::tree::{ScriptOrigin, Step};

/// Scripts up to this size are read; larger files in `bin` are programs.
const MAX_SCRIPT_BYTES: u64 = 1 << 20;

/// Where links go.
pub(super) struct Links<'a> {
    /// The environment while it is made.
    pub(super) root: &'a Path,
    /// From the finished environment's root to the layers, `../../layers`.
    pub(super) to_layers: PathBuf,
    /// The layers themselves.
    pub(super) layers_dir: &'a Path,
    /// Their tables, for the digests.
    pub(super) tocs: &'a [Toc],
}

impl Links<'_> {
    pub(super) fn make(&self, steps: &[Step]) -> Result<(), EnvironmentError> {
        // Bytecode last: it goes into directories that layers fill too, and gives way.
        let (bytecode, rest): (Vec<_>, Vec<_>) =
            steps.iter().partition(|step| matches!(step, Step::Bytecode { .. }));
        for step in rest.into_iter().chain(bytecode) {
            let (Step::Directory(path)
            | Step::Layer { path, .. }
            | Step::Base { path, .. }
            | Step::Script { path, .. }
            | Step::Bytecode { path, .. }) = step;
            self.one(step, path).map_err(EnvironmentError::file("make", self.root.join(path)))?;
        }
        Ok(())
    }

    fn one(&self, step: &Step, path: &str) -> io::Result<()> {
        let at = self.root.join(path);
        match step {
            Step::Directory(_) => fs::create_dir_all(at),
            Step::Layer { layer, .. } => symlink(self.link(path, *layer), at),
            // A RECORD may name what an image has removed since.
            Step::Base { source, .. } if fs::symlink_metadata(source).is_err() => Ok(()),
            Step::Base { source, .. } => symlink(source, at),
            Step::Script { origin: ScriptOrigin::Layer(layer), .. } => {
                let source = self.layers_dir.join(self.tocs[*layer].tar_digest.hex()).join(path);
                script(&source, &self.link(path, *layer), &at)
            }
            Step::Script { origin: ScriptOrigin::Base(source), .. } => match script(source, source, &at) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                other => other,
            },
            Step::Bytecode { sources, whole, .. } => bytecode(sources, *whole, &at),
        }
    }

    fn link(&self, path: &str, layer: usize) -> PathBuf {
        let mut link: PathBuf =
            split(path).0.split('/').filter(|part| !part.is_empty()).map(|_| "..").collect();
        link.push(&self.to_layers);
        link.push(self.tocs[layer].tar_digest.hex());
        link.push(path);
        link
    }
}

/// A Python script is copied with its interpreter line rewritten: it must find the `python` beside it, and through
/// a link it would look in the layer. Everything else is linked.
fn script(source: &Path, link: &Path, at: &Path) -> io::Result<()> {
    let mut content = Vec::new();
    fs::File::open(source)?.take(MAX_SCRIPT_BYTES + 1).read_to_end(&mut content)?;
    let relocated = (content.len() as u64 <= MAX_SCRIPT_BYTES).then(|| relocate_script(&content)).flatten();
    match relocated {
        Some(content) => {
            fs::write(at, content)?;
            fs::set_permissions(at, Permissions::from_mode(0o755))
        }
        None => symlink(link, at),
    }
}

fn bytecode(sources: &[PathBuf], whole: bool, at: &Path) -> io::Result<()> {
    let Some(directory) = sources.first().and_then(|source| source.parent()) else { return Ok(()) };
    if whole && !at.exists() {
        let found = directory.join("__pycache__");
        return if found.is_dir() { symlink(found, at) } else { Ok(()) };
    }
    let mut directories: Vec<_> = sources.iter().filter_map(|source| source.parent()).collect();
    directories.dedup();
    for directory in directories {
        let Ok(entries) = fs::read_dir(directory.join("__pycache__")) else { continue };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let module = name.to_str().and_then(|name| name.split('.').next()).map(OsStr::new);
            let wanted =
                |source: &&PathBuf| source.parent() == Some(directory) && source.file_stem() == module;
            if !sources.iter().any(|source| wanted(&source)) {
                continue;
            }
            fs::create_dir_all(at)?;
            match symlink(entry.path(), at.join(&name)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
        }
    }
    Ok(())
}
