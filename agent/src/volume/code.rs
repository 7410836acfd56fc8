use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use domain::{PublicationId, RepositoryName};

use super::Volume;

/// Why a link to code could not be moved.
#[derive(Debug, thiserror::Error)]
#[error("the link {} cannot be moved to {publication}", path.display())]
pub struct CodeError {
    path: PathBuf,
    publication: PublicationId,
    source: io::Error,
}

/// The `dags_folder` of one Airflow 2 process: a link of its own to the DAG files of a publication.
///
/// Airflow 2 reads its code from one path. A link per process lets code move without a restart, and keeps a
/// process from code that was published with another environment than its own.
#[derive(Debug, Clone)]
pub struct CodeLink {
    path: PathBuf,
    trees: PathBuf,
    subdir: PathBuf,
}

impl CodeLink {
    /// A link at `path` to `subdir` (`.` for the whole tree) of a repository's trees.
    pub fn new(volume: &Volume, repository: &RepositoryName, path: PathBuf, subdir: &Path) -> Self {
        let inner = subdir.components().filter(|part| *part != Component::CurDir).collect();
        Self { path, trees: volume.trees(repository), subdir: inner }
    }

    /// The path that Airflow is given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it. Atomic for readers. Blocking, milliseconds.
    pub fn move_to(&self, publication: &PublicationId) -> Result<(), CodeError> {
        let failed = |source| CodeError { path: self.path.clone(), publication: publication.clone(), source };
        self.try_move(publication).map_err(failed)
    }

    fn try_move(&self, publication: &PublicationId) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(folder)?;
        let mut temporary = self.path.clone().into_os_string();
        temporary.push(".new");
        let temporary = PathBuf::from(temporary);
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        symlink(self.trees.join(publication.to_string()).join(&self.subdir), &temporary)?;
        fs::rename(&temporary, &self.path)?;
        File::open(folder)?.sync_all()
    }

    /// Removes it after its process has ended.
    pub fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a link to code stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_link_moves_to_the_dag_files_of_a_publication() {
        let dir = tempfile::tempdir().unwrap();
        let volume = Volume::at(dir.path()).unwrap();
        let repository: RepositoryName = "etl".parse().unwrap();
        let id = |sequence| PublicationId::new(sequence, &"a".repeat(40)).unwrap();
        for sequence in [1, 2] {
            let folder = volume.tree(&repository, &id(sequence)).join("dags");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("a.py"), sequence.to_string()).unwrap();
        }
        let link =
            CodeLink::new(&volume, &repository, dir.path().join("workers/w1/g1/dags"), Path::new("./dags"));
        for sequence in [1, 2] {
            link.move_to(&id(sequence)).unwrap();
            assert_eq!(fs::read_to_string(link.path().join("a.py")).unwrap(), sequence.to_string());
        }
        link.remove();
        assert!(!link.path().exists() && volume.tree(&repository, &id(2)).exists());
    }
}
