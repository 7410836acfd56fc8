use std::fs::{self, File};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::{Publication, PublicationId, RepositoryName, keys};
use objectstore::Store;

use super::Volume;
use super::unpack::{UnpackError, unpack};

/// Folders of unfinished trees start with this.
pub(super) const TEMPORARY: &str = ".new-";
/// An unfinished tree this old was left by a process that was killed.
const ABANDONED_AFTER: Duration = Duration::from_hours(1);

/// Why a publication's tree is not on the volume.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The store does not answer.
    #[error("fetching publication {id} of {repository}")]
    Store {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// Why.
        source: Box<objectstore::Error>,
    },
    /// There is no such object.
    #[error("publication {id} of {repository} is not in the store: {key} is missing")]
    Missing {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// The key.
        key: String,
    },
    /// The publication is not one that this program reads.
    #[error("publication {id} of {repository} cannot be read")]
    Format {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// Why.
        source: serde_json::Error,
    },
    /// It is another publication, or of a newer format.
    #[error("publication {id} of {repository} has schema {found}, expected {}", domain::publication::SCHEMA)]
    Schema {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// What it says.
        found: u32,
    },
    /// The files are wrong.
    #[error("the tree of publication {id} of {repository} is refused")]
    Unpack {
        /// Repository.
        repository: RepositoryName,
        /// Publication.
        id: PublicationId,
        /// Why.
        source: Box<UnpackError>,
    },
    /// The volume cannot be written.
    #[error("writing {}", path.display())]
    Volume {
        /// Path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl TreeError {
    /// Whether the same call can succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_retryable(),
            // A publication is written after its tree: what is missing may be on its way.
            Self::Missing { .. } | Self::Volume { .. } => true,
            Self::Unpack { source, .. } => !source.is_corrupt(),
            Self::Format { .. } | Self::Schema { .. } => false,
        }
    }
}

/// Puts a publication and its files on the volume; what is there is done. Safe to race and to kill.
pub async fn materialise(
    store: &Store,
    volume: &Volume,
    repository: &RepositoryName,
    id: &PublicationId,
) -> Result<Publication, TreeError> {
    let known = volume.publication(repository, id);
    if volume.tree(repository, id).is_dir()
        && let Ok(bytes) = fs::read(&known)
    {
        return read(&bytes, repository, id);
    }
    let failed = |source| TreeError::Store {
        repository: repository.clone(),
        id: id.clone(),
        source: Box::new(source),
    };
    let missing = |key| TreeError::Missing { repository: repository.clone(), id: id.clone(), key };
    let key = keys::publication(repository, id);
    let document = store.get(&key).await.map_err(failed)?.ok_or_else(|| missing(key))?;
    let publication = read(&document.bytes, repository, id)?;

    let trees = volume.trees(repository);
    let on_volume = |path: &Path| {
        let path = path.to_owned();
        move |source| TreeError::Volume { path, source }
    };
    fs::create_dir_all(&trees).map_err(on_volume(&trees))?;
    let work = tempfile::Builder::new().prefix(TEMPORARY).tempdir_in(&trees).map_err(on_volume(&trees))?;
    let archive = work.path().join("tree.tar.zst");
    let key = keys::tree(repository, &publication.commit);
    store.get_to_file(&key, &archive).await.map_err(failed)?.ok_or_else(|| missing(key))?;

    let (tree, repository, id) = (volume.tree(repository, id), repository.clone(), id.clone());
    let blocking = tokio::task::spawn_blocking(move || {
        place(&archive, &publication, work.path(), &tree).map_err(|source| TreeError::Unpack {
            repository,
            id,
            source: Box::new(source),
        })?;
        write_whole(&known, &document.bytes)
            .map_err(|source| TreeError::Volume { path: known.clone(), source })?;
        Ok(publication)
    });
    match blocking.await {
        Ok(result) => result,
        Err(error) => Err(TreeError::Volume { path: trees, source: io::Error::other(error) }),
    }
}

fn read(bytes: &[u8], repository: &RepositoryName, id: &PublicationId) -> Result<Publication, TreeError> {
    let format = |source| TreeError::Format { repository: repository.clone(), id: id.clone(), source };
    let publication: Publication = serde_json::from_slice(bytes).map_err(format)?;
    if publication.schema == domain::publication::SCHEMA {
        Ok(publication)
    } else {
        let (repository, id) = (repository.clone(), id.clone());
        Err(TreeError::Schema { repository, id, found: publication.schema })
    }
}

/// Unpacks beside the target and renames; somebody else's finished tree is as good.
fn place(archive: &Path, publication: &Publication, work: &Path, tree: &Path) -> Result<(), UnpackError> {
    let failed = |source| UnpackError::Io { at: tree.display().to_string(), source };
    let fresh = work.join("tree");
    fs::create_dir(&fresh).map_err(failed)?;
    let file = File::open(archive).map_err(failed)?;
    unpack(BufReader::new(file), publication, &fresh)?;
    // One flush for all files: after a power cut the name must not stand for empty files.
    rustix::fs::syncfs(File::open(&fresh).map_err(failed)?).map_err(|error| failed(error.into()))?;
    match fs::rename(&fresh, tree) {
        Err(_) if tree.is_dir() => Ok(()),
        result => result.map_err(failed),
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()
}

/// Removes unfinished trees that nobody works on any more.
pub(super) fn remove_abandoned(volume: &Volume, repository: &RepositoryName) {
    remove_abandoned_in(&volume.trees(repository));
}

/// As [`remove_abandoned`], of a repository's folder.
pub(super) fn remove_abandoned_in(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let abandoned = entry.file_name().to_string_lossy().starts_with(TEMPORARY)
            && entry
                .metadata()
                .and_then(|meta| meta.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ABANDONED_AFTER));
        if abandoned {
            let path = entry.path();
            let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            match removed {
                Ok(()) => tracing::info!(path = %path.display(), "removed an unfinished tree"),
                Err(error) => tracing::warn!(path = %path.display(), %error, "an unfinished tree stays"),
            }
        }
    }
}
