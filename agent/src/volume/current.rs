use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use domain::{PublicationId, RepositoryName};
use rustix::fs::{FlockOperation, flock};

use super::Volume;

/// Why the current tree could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("the link {} cannot be moved to {publication}", path.display())]
pub struct CurrentError {
    path: PathBuf,
    publication: PublicationId,
    source: std::io::Error,
}

/// Moves `current/<repository>` to a tree that is on the volume, unless it names the same or a later one.
/// Says whether it moved. Atomic for readers, one mover at a time. Blocking, microseconds.
pub fn advance(
    volume: &Volume,
    repository: &RepositoryName,
    to: &PublicationId,
) -> Result<bool, CurrentError> {
    let path = volume.current(repository);
    try_advance(volume, repository, &path, to).map_err(|source| CurrentError {
        path,
        publication: to.clone(),
        source,
    })
}

fn try_advance(
    volume: &Volume,
    repository: &RepositoryName,
    path: &Path,
    to: &PublicationId,
) -> std::io::Result<bool> {
    let folder = volume.root().join("current");
    fs::create_dir_all(&folder)?;
    let lock = File::create(folder.join(format!(".{repository}.lock")))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    if volume.current_publication(repository).is_some_and(|now| now.sequence() >= to.sequence()) {
        return Ok(false);
    }
    // The lock makes the temporary name ours; one that a killed mover left is replaced.
    let temporary = folder.join(format!(".{repository}.new"));
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(Path::new("../trees").join(repository.as_str()).join(to.to_string()), &temporary)?;
    fs::rename(&temporary, path)?;
    File::open(&folder)?.sync_all()?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_only_moves_forward() {
        let dir = tempfile::tempdir().unwrap();
        let volume = Volume::at(dir.path()).unwrap();
        let repository: RepositoryName = "etl".parse().unwrap();
        let id = |sequence| PublicationId::new(sequence, &"a".repeat(40)).unwrap();
        assert_eq!(volume.current_publication(&repository), None);
        assert!(advance(&volume, &repository, &id(2)).unwrap());
        assert!(!advance(&volume, &repository, &id(2)).unwrap());
        assert!(!advance(&volume, &repository, &id(1)).unwrap());
        assert_eq!(volume.current_publication(&repository), Some(id(2)));
        symlink("x", dir.path().join("current/.etl.new")).unwrap();
        assert!(advance(&volume, &repository, &id(10)).unwrap());
        let target = fs::read_link(volume.current(&repository)).unwrap();
        assert_eq!(target, Path::new("../trees/etl/00000010-aaaaaaaaaaaa"));
    }
}
