//! A venv root out of unpacked layers and links to the base.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use domain::{Base, Manifest, Toc, canonical};

use super::base_files::BaseFiles;
use super::hold::{ABOUT, manifest_path};
use super::links::Links;
use super::making::{TEMPORARY, mark_making};
use super::tree::tree;
use super::{EnvironmentError, boot};

/// Whether `root` is a finished environment whose files are all on disk.
pub(super) fn is_ready(root: &Path) -> bool {
    boot::is_current(&root.join(ABOUT).join("boot"))
}

/// Blocking: builds `envs_dir/<env id>` from layers unpacked in `layers_dir`; existing = done.
///
/// `tocs` in the manifest's order. Links to layers are relative, so `layers_dir` and `envs_dir` may move together;
/// links to the base are absolute. Safe to race: everything is made under a temporary name and renamed.
pub fn compose(
    manifest: &Manifest,
    tocs: &[Toc],
    base: &Base,
    layers_dir: &Path,
    envs_dir: &Path,
) -> Result<PathBuf, EnvironmentError> {
    let env_id = manifest.id().map_err(EnvironmentError::Canonical)?;
    let built_for = manifest.base_id;
    let this = base.id().map_err(EnvironmentError::Canonical)?;
    if this != built_for {
        return Err(EnvironmentError::Base { env_id, built_for, this });
    }
    let root = envs_dir.join(env_id.to_string());
    if is_ready(&root) {
        return Ok(root);
    }
    fs::create_dir_all(envs_dir).map_err(EnvironmentError::file("create", envs_dir))?;
    let making = tempfile::Builder::new()
        .prefix(TEMPORARY)
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .tempdir_in(envs_dir)
        .map_err(EnvironmentError::file("create", envs_dir))?;
    let _ours = mark_making(making.path()).map_err(EnvironmentError::file("lock", making.path()))?;
    frame(making.path(), base)?;
    let files = BaseFiles::read(base)?;
    let links = Links { root: making.path(), to_layers: between(&root, layers_dir)?, layers_dir, tocs };
    links.make(&tree(tocs, &files, &manifest.shadows).steps)?;

    let about = making.path().join(ABOUT);
    fs::create_dir(&about).map_err(EnvironmentError::file("create", &about))?;
    let text = canonical::to_bytes(manifest).map_err(EnvironmentError::Canonical)?;
    let file = manifest_path(making.path());
    fs::write(&file, text).map_err(EnvironmentError::file("write", &file))?;
    let marker = about.join("boot");
    boot::mark(&marker).map_err(EnvironmentError::file("write", &marker))?;
    publish(making, &root, is_ready)?;
    Ok(root)
}

/// Renames what was made to its final name. A ready one that is there already stays; one that an earlier boot left
/// is exchanged, so that the name never points to nothing.
pub(super) fn publish(
    making: tempfile::TempDir,
    target: &Path,
    is_ready: impl Fn(&Path) -> bool,
) -> Result<(), EnvironmentError> {
    let failed = |source| EnvironmentError::file("create", target)(source);
    match fs::rename(making.path(), target) {
        Ok(()) => {
            // The directory is no longer there to be removed.
            let _renamed = making.keep();
            Ok(())
        }
        Err(error)
            if matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists) =>
        {
            if is_ready(target) {
                return Ok(());
            }
            let exchange = rustix::fs::RenameFlags::EXCHANGE;
            let here = rustix::fs::CWD;
            rustix::fs::renameat_with(here, making.path(), here, target, exchange)
                .map_err(|error| failed(error.into()))
        }
        Err(error) => Err(failed(error)),
    }
}

/// What makes a directory a virtual environment.
fn frame(root: &Path, base: &Base) -> Result<(), EnvironmentError> {
    let interpreter = real_interpreter(base)?;
    let site_packages = root.join(crate::layers::layout(base).site_packages);
    let bin = root.join("bin");
    fs::create_dir_all(&site_packages).map_err(EnvironmentError::file("create", &site_packages))?;
    fs::create_dir(&bin).map_err(EnvironmentError::file("create", &bin))?;
    let link =
        |target: &Path, at: PathBuf| symlink(target, &at).map_err(EnvironmentError::file("create", at));
    link(&interpreter, bin.join("python"))?;
    for name in ["python3".to_owned(), format!("python{}", base.python_minor())] {
        link(Path::new("python"), bin.join(name))?;
    }
    link(Path::new("lib"), root.join("lib64"))?;
    let home = interpreter.parent().unwrap_or(Path::new("/"));
    let config = format!(
        "home = {}\ninclude-system-site-packages = false\nversion = {}\n",
        home.display(),
        base.interpreter.version
    );
    let file = root.join("pyvenv.cfg");
    fs::write(&file, config).map_err(EnvironmentError::file("write", file))
}

/// The interpreter behind the base's: a base may itself be a virtual environment, by link or by copy.
fn real_interpreter(base: &Base) -> Result<PathBuf, EnvironmentError> {
    let executable = Path::new(&base.interpreter.executable);
    let real = fs::canonicalize(executable).map_err(EnvironmentError::file("find", executable))?;
    let copied_into = real.parent().and_then(Path::parent).map(|root| root.join("pyvenv.cfg"));
    let home = copied_into.and_then(|config| fs::read_to_string(config).ok()).and_then(|config| {
        let (_, home) =
            config.lines().filter_map(|line| line.split_once('=')).find(|(key, _)| key.trim() == "home")?;
        Some(PathBuf::from(home.trim()))
    });
    let Some(home) = home else { return Ok(real) };
    let candidate = home.join(format!("python{}", base.python_minor()));
    fs::canonicalize(&candidate).map_err(EnvironmentError::file("find", candidate))
}

/// The relative path from the directory `from` (which need not exist yet) to the directory `to`.
fn between(from: &Path, to: &Path) -> Result<PathBuf, EnvironmentError> {
    let parent = from.parent().unwrap_or(Path::new("/"));
    let from_parent = fs::canonicalize(parent).map_err(EnvironmentError::file("find", parent))?;
    let to = fs::canonicalize(to).map_err(EnvironmentError::file("find", to))?;
    let shared = from_parent.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    // One more for the environment's own directory.
    let up = from_parent.components().count() - shared + 1;
    let mut path: PathBuf = std::iter::repeat_n("..", up).collect();
    path.extend(to.components().skip(shared));
    Ok(path)
}
