//! What an interpreter said about itself, remembered while it and its packages are unchanged.
//!
//! Starting an interpreter takes longer than a resolution out of the cache. Its answer holds as long as the files it
//! depends on are the same: the interpreter, its `pyvenv.cfg`, its site directories (installing and removing changes
//! them) with their `.pth` files, the C library, the kernel.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use domain::Base;
use serde::{Deserialize, Serialize};

use crate::index::Cache;

/// A file as it was: path, inode, size, time of the last change in nanoseconds. Absent files have zeros.
type Seen = (PathBuf, u64, u64, i128);

#[derive(Serialize, Deserialize)]
struct Remembered<T> {
    seen: Vec<Seen>,
    kernel: String,
    answer: T,
}

/// The base of `python`, when nothing changed since [`keep`].
pub(super) fn recall(python: &Path, cache: &Cache) -> Option<Base> {
    recall_answer("base", python, cache)
}

/// Remembers the base of `python`.
pub(super) fn keep(python: &Path, base: &Base, cache: &Cache) {
    let site_dirs = base.site_dirs.iter().map(PathBuf::from);
    let mut files: Vec<PathBuf> = site_dirs.clone().collect();
    for entry in site_dirs.filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "pth") {
            files.push(entry.path());
        }
    }
    keep_answer("base", python, &files, base, cache);
}

/// What `python` answered to the question `what`, when nothing changed since.
pub(crate) fn recall_answer<T: for<'d> Deserialize<'d>>(
    what: &str,
    python: &Path,
    cache: &Cache,
) -> Option<T> {
    let bytes = cache.answer(what, python)?;
    let remembered: Remembered<T> = serde_json::from_slice(&bytes).ok()?;
    let unchanged =
        remembered.kernel == kernel() && remembered.seen.iter().all(|seen| look(&seen.0) == *seen);
    unchanged.then_some(remembered.answer)
}

/// Remembers an answer that depends on `python` and on `files`.
pub(crate) fn keep_answer<T: Serialize>(
    what: &str,
    python: &Path,
    files: &[PathBuf],
    answer: &T,
    cache: &Cache,
) {
    let own = [python.to_owned(), python.canonicalize().unwrap_or_default()];
    let beside = python.parent().and_then(Path::parent).map(|prefix| prefix.join("pyvenv.cfg"));
    // Written anew when the C library is upgraded.
    let libraries = PathBuf::from("/etc/ld.so.cache");
    let files = own.iter().chain(&beside).chain([&libraries]).chain(files);
    let remembered = Remembered { seen: files.map(|path| look(path)).collect(), kernel: kernel(), answer };
    let kept = serde_json::to_vec(&remembered).unwrap_or_default();
    if let Err(error) = cache.put_answer(what, python, &kept) {
        tracing::debug!(%error, what, "the interpreter's answer is not remembered");
    }
}

fn look(path: &Path) -> Seen {
    let Ok(meta) = std::fs::metadata(path) else { return (path.to_owned(), 0, 0, 0) };
    let changed = i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
    (path.to_owned(), meta.ino(), meta.len(), changed)
}

fn kernel() -> String {
    let read = |name| std::fs::read_to_string(format!("/proc/sys/kernel/{name}")).unwrap_or_default();
    format!("{}{}", read("osrelease"), read("version"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_holds_until_a_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (python, site) = (dir.path().join("bin/python"), dir.path().join("site"));
        std::fs::create_dir_all(&site).unwrap();
        std::fs::create_dir_all(dir.path().join("bin")).unwrap();
        std::fs::write(&python, "x").unwrap();
        let cache = Cache::at(dir.path().join("cache"));
        let recalled = || recall_answer::<String>("what", &python, &cache);
        let keep = || keep_answer("what", &python, std::slice::from_ref(&site), &"this", &cache);

        assert_eq!(recalled(), None);
        keep();
        assert_eq!(recalled().as_deref(), Some("this"));
        std::fs::create_dir(site.join("new.dist-info")).unwrap();
        assert_eq!(recalled(), None, "a package was installed");
        keep();
        std::fs::write(dir.path().join("pyvenv.cfg"), "home = elsewhere").unwrap();
        assert_eq!(recalled(), None, "it became a venv");
        keep();
        std::fs::remove_file(&python).unwrap();
        assert_eq!(recalled(), None, "it is gone");
    }
}
