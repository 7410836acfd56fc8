//! Trees on their way: out of git, into the store, and back out of the store.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use agent_gitsync::{CommitId, Mirror, Packed};
use domain::{Digest, Publication, RepositoryName, keys};
use objectstore::{Condition, Store};
use tokio::task::spawn_blocking;

use super::SyncError;
use super::error::{disk, store};

/// DAG code compresses 4:1 at this level within milliseconds; higher levels gain a few percent.
const ZSTD_LEVEL: i32 = 3;
/// Largest tar that is unpacked: the tree limit of gitsync with its headers.
const TAR_BYTES: u64 = 1 << 30;

/// A commit's files on this machine.
#[derive(Debug)]
pub(super) struct Exported {
    /// The files.
    pub(super) dir: PathBuf,
    /// The compressed tar.
    archive: PathBuf,
    pub(super) packed: Packed,
}

/// Exports `commit` below `scratch`.
pub(super) async fn export(
    mirror: &Mirror,
    commit: &CommitId,
    scratch: &Path,
) -> Result<Exported, SyncError> {
    let (mirror, commit) = (mirror.clone(), commit.clone());
    let (dir, archive) = (scratch.join("tree"), scratch.join("tree.tar.zst"));
    let work = spawn_blocking(move || -> Result<Exported, SyncError> {
        let tree = mirror.tree(&commit)?;
        tree.export(&dir)?;
        let file = File::create(&archive).map_err(disk(&archive))?;
        let mut encoder = zstd::Encoder::new(file, ZSTD_LEVEL).map_err(disk(&archive))?;
        let packed = tree.tar(&mut encoder)?;
        let file = encoder.finish().map_err(disk(&archive))?;
        file.sync_all().map_err(disk(&archive))?;
        Ok(Exported { dir, archive, packed })
    });
    work.await.map_err(SyncError::Ended)?
}

impl Exported {
    /// Puts the tar into the store; one that is there is the same, by its commit.
    pub(super) async fn upload(
        &self,
        objects: &Store,
        repository: &RepositoryName,
        commit: &str,
    ) -> Result<(), SyncError> {
        let key = keys::tree(repository, commit);
        let put = objects.put_file(&key, &self.archive, Condition::Absent).await;
        put.map(drop).map_err(store("writing a tree"))
    }
}

/// Unpacks the tree of a publication below `scratch`, checked against its digest.
pub(super) async fn fetch(
    objects: &Store,
    publication: &Publication,
    scratch: &Path,
) -> Result<PathBuf, SyncError> {
    let key = keys::tree(&publication.repository, &publication.commit);
    let (archive, dir) = (scratch.join("current.tar.zst"), scratch.join("current"));
    let found = objects.get_to_file(&key, &archive).await.map_err(store("reading a tree"))?;
    if found.is_none() {
        return Err(SyncError::Gone { key });
    }
    let wanted = publication.tree_digest;
    let work = spawn_blocking(move || -> Result<PathBuf, SyncError> {
        let file = File::open(&archive).map_err(disk(&archive))?;
        let decoder = zstd::Decoder::new(file).map_err(disk(&archive))?;
        let mut tar = Vec::new();
        decoder.take(TAR_BYTES).read_to_end(&mut tar).map_err(disk(&archive))?;
        if Digest::of(&tar) != wanted {
            return Err(SyncError::Gone { key });
        }
        std::fs::create_dir(&dir).map_err(disk(&dir))?;
        tar::Archive::new(&tar[..]).unpack(&dir).map_err(disk(&dir))?;
        Ok(dir)
    });
    work.await.map_err(SyncError::Ended)?
}
