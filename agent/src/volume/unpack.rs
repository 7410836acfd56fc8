use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, FileTimes, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use domain::publication::PublishedFile;
use domain::{Digest, Publication};
use sha2::{Digest as _, Sha256};
use tar::EntryType;

/// Decompressed size of a tree at most; repositories of DAGs are megabytes.
const MAX_TREE_BYTES: u64 = 4 << 30;

/// Why a tree's tar was refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It cannot be read or written.
    #[error("unpacking {at}")]
    Io {
        /// Path in the tree, or `the archive`.
        at: String,
        /// Why.
        source: io::Error,
    },
    /// It holds something that the publication does not name, or in another form.
    #[error("{path:?} in the tree is not as its publication says: {problem}")]
    Unexpected {
        /// Path in the tree.
        path: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// It is another tar.
    #[error("the tree's digest is {found}, its publication says {expected}")]
    Digest {
        /// Computed.
        found: Digest,
        /// Published.
        expected: Digest,
    },
    /// It is larger than any tree should be.
    #[error("the tree holds more than {MAX_TREE_BYTES} bytes")]
    TooLarge,
}

impl UnpackError {
    /// The stored bytes are at fault, not this machine's disk.
    pub fn is_corrupt(&self) -> bool {
        !matches!(self, Self::Io { .. })
    }
}

/// Writes a publication's files below `target`, an empty folder: exactly the files that it names, with its
/// modification times, and only when digests agree. Blocking.
pub fn unpack(tar_zst: impl Read, publication: &Publication, target: &Path) -> Result<(), UnpackError> {
    let archive_failed = |source| UnpackError::Io { at: "the archive".into(), source };
    let decoder = zstd::stream::read::Decoder::new(tar_zst).map_err(archive_failed)?;
    let mut archive =
        tar::Archive::new(Hashing { inner: decoder.take(MAX_TREE_BYTES + 1), hasher: Sha256::new() });
    let mut missing: BTreeMap<&str, &PublishedFile> =
        publication.files.iter().map(|file| (file.path.as_str(), file)).collect();
    let mut links = BTreeSet::new();
    for entry in archive.entries().map_err(archive_failed)? {
        let mut entry = entry.map_err(archive_failed)?;
        let path = entry.path().map_err(archive_failed)?.to_string_lossy().into_owned();
        let unexpected = |problem| UnpackError::Unexpected { path: path.clone(), problem };
        let failed = |source| UnpackError::Io { at: path.clone(), source };
        if !is_plain(Path::new(&path)) {
            return Err(unexpected("it leaves the tree"));
        }
        if Path::new(&path).ancestors().skip(1).any(|folder| links.contains(folder)) {
            return Err(unexpected("it lies behind a link"));
        }
        let at = target.join(&path);
        if let Some(folder) = at.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        if entry.header().entry_type() == EntryType::Directory {
            fs::create_dir_all(&at).map_err(failed)?;
            continue;
        }
        let file = missing.remove(path.as_str()).ok_or_else(|| unexpected("it is not named"))?;
        let found = match entry.header().entry_type() {
            EntryType::Regular => write_file(&mut entry, &at, file).map_err(failed)?,
            EntryType::Symlink => {
                let link =
                    entry.link_name().map_err(failed)?.ok_or_else(|| unexpected("it points nowhere"))?;
                let inside = Path::new(&path).parent().unwrap_or(Path::new("")).join(&link);
                if !is_inside(&inside) {
                    return Err(unexpected("it points outside the tree"));
                }
                symlink(&link, &at).map_err(failed)?;
                links.insert(PathBuf::from(&path));
                Digest::of(link.as_os_str().as_encoded_bytes())
            }
            _ => return Err(unexpected("it is neither file nor link")),
        };
        if found != file.sha256 {
            return Err(unexpected("its content differs"));
        }
    }
    if let Some(path) = missing.into_keys().next() {
        return Err(UnpackError::Unexpected { path: path.to_owned(), problem: "it is missing" });
    }
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(archive_failed)?;
    if rest.inner.limit() == 0 {
        return Err(UnpackError::TooLarge);
    }
    let found = Digest::from_bytes(rest.hasher.finalize().into());
    if found == publication.tree_digest {
        Ok(())
    } else {
        Err(UnpackError::Digest { found, expected: publication.tree_digest })
    }
}

fn write_file(entry: &mut impl EntryRead, at: &Path, file: &PublishedFile) -> io::Result<Digest> {
    let mut out = File::create_new(at)?;
    let mut hashing = Hashing { inner: entry.content(), hasher: Sha256::new() };
    io::copy(&mut hashing, &mut out)?;
    let digest = Digest::from_bytes(hashing.hasher.finalize().into());
    let mode = if entry.mode()? & 0o111 == 0 { 0o644 } else { 0o755 };
    out.set_permissions(Permissions::from_mode(mode))?;
    // Airflow's dag-processor parses a file again when its time changes, and only then.
    let mtime = UNIX_EPOCH.checked_add(Duration::from_secs(file.mtime_s));
    let mtime = mtime.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))?;
    out.set_times(FileTimes::new().set_modified(mtime))?;
    Ok(digest)
}

/// What is needed of a tar entry.
trait EntryRead {
    fn content(&mut self) -> &mut dyn Read;
    fn mode(&self) -> io::Result<u32>;
}

impl<R: Read> EntryRead for tar::Entry<'_, R> {
    fn content(&mut self) -> &mut dyn Read {
        self
    }

    fn mode(&self) -> io::Result<u32> {
        self.header().mode()
    }
}

/// A path of names only.
fn is_plain(path: &Path) -> bool {
    path.components().all(|component| matches!(component, Component::Normal(_)))
}

/// A relative path that stays below its start, whatever it walks through.
fn is_inside(path: &Path) -> bool {
    let mut depth = 0_i32;
    for component in path.components() {
        depth += match component {
            Component::Normal(_) => 1,
            Component::CurDir => 0,
            Component::ParentDir => -1,
            Component::RootDir | Component::Prefix(_) => return false,
        };
        if depth < 0 {
            return false;
        }
    }
    true
}

struct Hashing<R> {
    inner: R,
    hasher: Sha256,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}
