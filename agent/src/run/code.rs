use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use domain::RepositoryName;
use rustix::fs::{FlockOperation, flock};

use crate::volume::{CodeLink, Volume};

/// The subcommand of Airflow 2 that writes the path of its DAG files into the database, where it is a key: DAGs that are
/// gone are found by it. It gets the same path at every start, so old and new cannot run side by side.
const DAG_PROCESSOR: &str = "dag-processor";
/// The one that makes messages for workers: a file below its `dags_folder` is named relative to it. It reads no file
/// of it, with a dag-processor of its own.
const SCHEDULER: &str = "scheduler";
/// Components of one kind on one volume at most.
const SAME_KIND: usize = 64;

/// Where a component of Airflow 2 has its code.
#[derive(Debug)]
pub struct Code {
    volume: Volume,
    repository: RepositoryName,
    subdir: PathBuf,
    kind: Kind,
    /// Held as long as the path is in use.
    _lock: Option<File>,
}

#[derive(Debug)]
enum Kind {
    /// One path at every start, and a link there that moves.
    OnePath(PathBuf),
    /// The path of the dag-processor, whose link it is.
    Named(PathBuf),
    /// A link for each instance, so many until now.
    Each(PathBuf, u64),
}

impl Code {
    /// Paths on the volume that no other living component moves, the same ones at every start of this component.
    pub fn claim(
        volume: &Volume,
        repository: &RepositoryName,
        subdir: PathBuf,
        command: &[String],
    ) -> io::Result<Self> {
        let is = |name: &str| command.iter().any(|word| word == name);
        let (kind, lock) = if is(DAG_PROCESSOR) {
            let (path, lock) = claim(&volume.dags(repository))?;
            (Kind::OnePath(path), Some(lock))
        } else if is(SCHEDULER) {
            (Kind::Named(volume.dags(repository)), None)
        } else {
            let (folder, lock) = claim(&volume.root().join("components").join(repository.as_str()))?;
            (Kind::Each(folder, 0), Some(lock))
        };
        Ok(Self { volume: volume.clone(), repository: repository.clone(), subdir, kind, _lock: lock })
    }

    /// The old instance must have ended before the next one starts.
    pub fn one_path(&self) -> bool {
        matches!(self.kind, Kind::OnePath(_))
    }

    /// The link of the next instance, moved to the publication by this component unless it is another one's.
    pub fn next_link(&mut self) -> (CodeLink, bool) {
        let (path, own) = match &mut self.kind {
            Kind::OnePath(path) => (path.clone(), true),
            Kind::Named(path) => (path.clone(), false),
            Kind::Each(folder, instances) => {
                *instances += 1;
                (folder.join(format!("{instances}/dags")), true)
            }
        };
        (CodeLink::new(&self.volume, &self.repository, path, &self.subdir), own)
    }
}

/// `path`, or `path` with a number when another living component has it.
fn claim(path: &Path) -> io::Result<(PathBuf, File)> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    fs::create_dir_all(folder)?;
    for number in 1..=SAME_KIND {
        let name = if number == 1 { name.to_string() } else { format!("{name}.{number}") };
        let lock = File::create(folder.join(format!(".{name}.lock")))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok((folder.join(name), lock)),
            Err(rustix::io::Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::Error::other("too many components of this kind share the volume"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dag_processor_keeps_its_path_and_two_never_share_one() {
        let dir = tempfile::tempdir().unwrap();
        let volume = Volume::at(dir.path()).unwrap();
        let repository: RepositoryName = "etl".parse().unwrap();
        let claim = |command: &str| {
            let words: Vec<_> = command.split(' ').map(str::to_owned).collect();
            Code::claim(&volume, &repository, PathBuf::from("dags"), &words).unwrap()
        };
        let path = |code: &mut Code| code.next_link().0.path().to_owned();
        let mut first = claim("airflow dag-processor --verbose");
        let expected = dir.path().join("dags/etl");
        assert_eq!([path(&mut first), path(&mut first)], [expected.clone(), expected.clone()]);
        assert_eq!(path(&mut claim("airflow dag-processor")), dir.path().join("dags/etl.2"));
        let mut scheduler = claim("airflow scheduler");
        assert!(path(&mut scheduler) == expected && !scheduler.next_link().1 && !scheduler.one_path());
        drop(first);
        assert_eq!(path(&mut claim("airflow dag-processor")), expected, "after a restart of the agent");
        let mut triggerer = claim("airflow triggerer");
        assert_ne!(path(&mut triggerer), path(&mut triggerer));
    }
}
