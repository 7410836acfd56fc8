//! The on-disk cache: index pages with their lifetime, metadata and wheels by hash.
//!
//! Pages and metadata are kept in our own forms, which change with the directory's version: a process of another
//! version of this program reads and writes another directory. Several processes share it: every file is written under a
//! temporary name and renamed. It is only a cache: whatever cannot be read counts as absent, and its size is brought under its bound by [`Cache::trim`].

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use domain::{BaseId, Digest};
use serde::{Deserialize, Serialize};

use super::{CoreMetadata, IndexError};

/// Bytes above which the files longest unused are removed, unless UPDRAFT_CACHE_MAX_BYTES says otherwise. Ten Airflow
/// installations fit.
const LIMIT_BYTES: u64 = 8 << 30;
/// Nothing short-lived is this old, unless its process was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(24);

/// Changes with the form of what is kept.
const VERSION: &str = "v2";

/// The cache directory.
#[derive(Debug, Clone)]
pub struct Cache {
    dir: PathBuf,
    limit_bytes: u64,
}

/// An index page with what HTTP said about its lifetime.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct StoredPage {
    pub(super) url: String,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    /// Unix seconds until which it may be used without asking.
    pub(super) fresh_until_s: u64,
    /// The index does not have the project; the body is an empty page.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) is_absent: bool,
}

impl Cache {
    /// A cache in `dir`, which is created when first written to.
    pub fn at(dir: impl Into<PathBuf>) -> Self {
        let dir = dir.into();
        // Build environments name their store by its address, which has no current directory.
        let dir = std::path::absolute(&dir).unwrap_or(dir);
        Self { dir: dir.join(VERSION), limit_bytes: LIMIT_BYTES }
    }

    /// With the bound that settings name: `UPDRAFT_CACHE_MAX_BYTES`. What is no number is said and ignored: a cache must
    /// not stop a build.
    #[must_use]
    pub fn bounded(mut self, environment: &dyn Fn(&str) -> Option<String>) -> Self {
        const NAME: &str = "UPDRAFT_CACHE_MAX_BYTES";
        if let Some(text) = environment(NAME).filter(|text| !text.is_empty()) {
            if let Ok(limit_bytes) = text.trim().parse() {
                self.limit_bytes = limit_bytes;
            } else {
                tracing::warn!(value = text, "{NAME} is no number of bytes and is ignored");
            }
        }
        self
    }

    /// The cache that settings name: `UPDRAFT_CACHE_DIR`, else `updraft` in the XDG cache directory.
    pub fn default_dir(environment: &dyn Fn(&str) -> Option<String>) -> PathBuf {
        if let Some(dir) = environment("UPDRAFT_CACHE_DIR").filter(|dir| !dir.is_empty()) {
            return dir.into();
        }
        let xdg = environment("XDG_CACHE_HOME").filter(|dir| dir.starts_with('/')).map(PathBuf::from);
        let home = || environment("HOME").map(|home| Path::new(&home).join(".cache"));
        xdg.or_else(home).unwrap_or_else(std::env::temp_dir).join("updraft")
    }

    pub(super) fn page(&self, url: &str) -> Option<(StoredPage, Vec<u8>)> {
        let mut bytes = std::fs::read(self.page_path(url)).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let page: StoredPage = serde_json::from_slice(&bytes[..end]).ok()?;
        (page.url == url).then(|| (page, bytes.split_off(end + 1)))
    }

    pub(super) fn put_page(&self, page: &StoredPage, body: &[u8]) -> Result<(), IndexError> {
        let mut bytes = serde_json::to_vec(page).unwrap_or_default();
        bytes.push(b'\n');
        bytes.extend_from_slice(body);
        self.write(&self.page_path(&page.url), &bytes)
    }

    /// The page that is there lives on: only its header is written anew.
    pub(super) fn renew_page(&self, page: &StoredPage) -> Result<(), IndexError> {
        match self.page(&page.url) {
            Some((_, body)) => self.put_page(page, &body),
            None => Ok(()),
        }
    }

    fn page_path(&self, url: &str) -> PathBuf {
        let key = Digest::of(url.as_bytes());
        self.dir.join("pages").join(key.shard()).join(key.hex())
    }

    /// The headers of a wheel's METADATA.
    pub(super) fn metadata(&self, wheel: &Digest) -> Option<CoreMetadata> {
        let mut file = std::fs::File::open(self.metadata_path(wheel)).ok()?;
        let meta = file.metadata().ok()?;
        let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).ok()?);
        file.read_to_end(&mut bytes).ok()?;
        let (head, headers) = bytes.split_at_checked(32)?;
        let sha256 = Digest::from_bytes(head.try_into().ok()?);
        // A torn file has no end.
        headers.ends_with(b"\n\n").then_some(())?;
        touch(&file, &meta);
        Some(CoreMetadata { headers: Bytes::from(bytes).slice(32..), sha256 })
    }

    pub(super) fn has_metadata(&self, wheel: &Digest) -> bool {
        self.metadata_path(wheel).exists()
    }

    pub(super) fn put_metadata(&self, wheel: &Digest, metadata: &CoreMetadata) -> Result<(), IndexError> {
        let bytes = [&metadata.sha256.as_bytes()[..], &metadata.headers].concat();
        self.write(&self.metadata_path(wheel), &bytes)
    }

    fn metadata_path(&self, wheel: &Digest) -> PathBuf {
        self.dir.join("metadata").join(wheel.shard()).join(wheel.hex())
    }

    /// What a ready worker of this base has loaded, if it was looked at before.
    pub(crate) fn loaded(&self, base: BaseId) -> Option<Vec<String>> {
        serde_json::from_slice(&std::fs::read(self.loaded_path(base)).ok()?).ok()
    }

    pub(crate) fn put_loaded(&self, base: BaseId, names: &[String]) -> Result<(), IndexError> {
        self.write(&self.loaded_path(base), &serde_json::to_vec(names).unwrap_or_default())
    }

    fn loaded_path(&self, base: BaseId) -> PathBuf {
        self.dir.join("loaded").join(base.to_string())
    }

    /// What was remembered about this interpreter under this name.
    pub(crate) fn answer(&self, what: &str, python: &Path) -> Option<Vec<u8>> {
        std::fs::read(self.answer_path(what, python)).ok()
    }

    pub(crate) fn put_answer(&self, what: &str, python: &Path, bytes: &[u8]) -> Result<(), IndexError> {
        self.write(&self.answer_path(what, python), bytes)
    }

    fn answer_path(&self, what: &str, python: &Path) -> PathBuf {
        self.dir.join("interpreters").join(Digest::of(python.as_os_str().as_encoded_bytes()).hex()).join(what)
    }

    /// Where the wheel of this hash lies, or will lie.
    pub(super) fn wheel_path(&self, sha256: &Digest, filename: &str) -> PathBuf {
        self.dir.join("wheels").join(sha256.shard()).join(sha256.hex()).join(filename)
    }

    /// The wheel of this hash, when it is here.
    pub(super) fn wheel(&self, sha256: &Digest, filename: &str) -> Option<PathBuf> {
        let path = self.wheel_path(sha256, filename);
        let file = std::fs::File::open(&path).ok()?;
        let meta = file.metadata().ok().filter(std::fs::Metadata::is_file)?;
        touch(&file, &meta);
        Some(path)
    }

    /// Where staging and other short-lived files of a build lie: beside the wheels, where there is room.
    pub fn scratch_dir(&self) -> PathBuf {
        self.dir.join("scratch")
    }

    /// The directory of this format.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The directory of all formats.
    pub(crate) fn root(&self) -> &Path {
        self.dir.parent().unwrap_or(&self.dir)
    }

    /// Store and volume of build environments; [`Cache::trim`] leaves them alone, they are removed as a whole.
    pub(crate) fn builders_dir(&self) -> PathBuf {
        self.root().join("builders-v1")
    }

    /// A temporary file on the same file system, to be persisted to a final path.
    pub(super) fn temporary(&self) -> Result<tempfile::NamedTempFile, IndexError> {
        let dir = self.dir.join("tmp");
        std::fs::create_dir_all(&dir)
            .and_then(|()| tempfile::NamedTempFile::new_in(&dir))
            .map_err(|source| disk(&dir, source))
    }

    pub(super) fn persist(&self, file: tempfile::NamedTempFile, path: &Path) -> Result<(), IndexError> {
        let parent = path.parent().unwrap_or(&self.dir);
        std::fs::create_dir_all(parent).map_err(|source| disk(parent, source))?;
        file.persist(path).map_err(|error| disk(path, error.error))?;
        Ok(())
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> Result<(), IndexError> {
        let mut file = self.temporary()?;
        file.write_all(bytes).map_err(|source| disk(file.path(), source))?;
        self.persist(file, path)
    }

    /// Brings the cache under its bound: removes what killed builds left, then the files longest unused. Returns the
    /// bytes removed, those of killed builds not counted.
    pub fn trim(&self) -> u64 {
        let limit_bytes = self.limit_bytes;
        for folder in [self.scratch_dir(), self.dir.join("tmp")] {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let age = entry.metadata().and_then(|meta| meta.modified()).map(|at| at.elapsed());
                if matches!(age, Ok(Ok(age)) if age > ABANDONED_AFTER) {
                    let path = entry.path();
                    // What cannot be removed now is tried again after the next build.
                    drop(if path.is_dir() {
                        std::fs::remove_dir_all(path)
                    } else {
                        std::fs::remove_file(path)
                    });
                }
            }
        }
        let mut files: Vec<(SystemTime, u64, PathBuf)> = walkdir::WalkDir::new(&self.dir)
            .into_iter()
            .filter_map(Result::ok)
            .filter(|entry| entry.file_type().is_file())
            .filter_map(|entry| {
                let meta = entry.metadata().ok()?;
                Some((meta.modified().ok()?, meta.len(), entry.into_path()))
            })
            .collect();
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        files.sort();
        let mut removed = 0;
        for (_, size, path) in files {
            if total <= limit_bytes {
                break;
            }
            if std::fs::remove_file(path).is_ok() {
                total -= size;
                removed += size;
            }
        }
        removed
    }
}

/// How exactly the last use of a file is known.
const TOUCHED_EVERY: Duration = Duration::from_hours(1);

/// Marks a file as used, for [`Cache::trim`]; a read-only cache is fine without it.
fn touch(file: &std::fs::File, meta: &std::fs::Metadata) {
    let age = meta.modified().map(|at| at.elapsed());
    if matches!(age, Ok(Ok(age)) if age < TOUCHED_EVERY) {
        return;
    }
    drop(file.set_modified(SystemTime::now()));
}

fn disk(path: &Path, source: std::io::Error) -> IndexError {
    IndexError::Disk { path: path.to_owned(), action: "written", source }
}

/// What `Cache-Control` says about an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lifetime {
    /// For how long it may be used without asking.
    pub(super) fresh: Duration,
    /// It may not be kept at all.
    pub(super) is_private: bool,
}

/// The lifetime of an answer; `default_s` seconds where the server says nothing.
pub(super) fn lifetime(cache_control: Option<&str>, default_s: u64) -> Lifetime {
    let mut lifetime = Lifetime { fresh: Duration::from_secs(default_s), is_private: false };
    for directive in cache_control.unwrap_or_default().split(',').map(str::trim) {
        let (name, value) = directive.split_once('=').unwrap_or((directive, ""));
        match name.to_ascii_lowercase().as_str() {
            "no-store" => return Lifetime { fresh: Duration::ZERO, is_private: true },
            "no-cache" => lifetime.fresh = Duration::ZERO,
            "max-age" if !lifetime.fresh.is_zero() => {
                lifetime.fresh = Duration::from_secs(value.trim_matches('"').parse().unwrap_or(default_s));
            }
            "immutable" => lifetime.fresh = lifetime.fresh.max(IMMUTABLE),
            _ => {}
        }
    }
    lifetime
}

/// Longer than any cache lives.
const IMMUTABLE: Duration = Duration::from_hours(24 * 365);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_read_back_and_lifetimes_follow_http() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let page = StoredPage {
            url: "https://host.example/simple/a/".into(),
            etag: Some("\"1\"".into()),
            last_modified: None,
            fresh_until_s: 7,
            is_absent: false,
        };
        cache.put_page(&page, b"line\nline").unwrap();
        let (read, body) = cache.page(&page.url).unwrap();
        assert_eq!((read.etag, body.as_slice()), (page.etag, b"line\nline".as_slice()));
        assert!(cache.page("https://host.example/simple/b/").is_none());

        let seconds = |text| lifetime(text, 600).fresh.as_secs();
        assert_eq!(seconds(Some("Max-Age=60, public")), 60);
        assert_eq!(seconds(Some("no-cache, max-age=60")), 0);
        assert_eq!(seconds(Some("max-age=60, immutable")), IMMUTABLE.as_secs());
        assert_eq!(seconds(None), 600);
        assert!(lifetime(Some("private, no-store"), 600).is_private);
    }

    #[test]
    fn trimming_removes_what_was_used_longest_ago() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::at(dir.path());
        let digests: Vec<_> = (0..4u8).map(|i| Digest::of(&[i])).collect();
        for (age, digest) in digests.iter().enumerate() {
            let metadata =
                CoreMetadata { headers: [&[b'x'; 66][..], b"\n\n"].concat().into(), sha256: *digest };
            cache.put_metadata(digest, &metadata).unwrap();
            let file = std::fs::File::open(cache.metadata_path(digest)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(10_000 - age as u64)).unwrap();
        }
        cache.metadata(&digests[0]);
        let bounded = cache.clone().bounded(&|_| Some("200".to_owned()));
        assert_eq!(cache.trim(), 0, "far below the default");
        assert_eq!(bounded.trim(), 200);
        let left: Vec<_> = digests.iter().map(|digest| cache.metadata(digest).is_some()).collect();
        assert_eq!(left, [true, false, false, true]);
    }
}
