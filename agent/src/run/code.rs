use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use domain::RepositoryName;
use rustix::fs::{FlockOperation, flock};

use crate::volume::{CodeLink, Volume};

/// Subcommands of Airflow 2 that write the path of their DAG files into the database, where it is a key: DAGs that
/// are gone are found by it. They get the same path at every start, so old and new cannot run side by side.
const ONE_PATH: [&str; 2] = ["dag-processor", "scheduler"];
/// Components of one kind on one volume at most.
const SAME_KIND: usize = 64;

/// Where a component of Airflow 2 has its code.
#[derive(Debug)]
pub struct Code {
    volume: Volume,
    repository: RepositoryName,
    subdir: PathBuf,
    folder: PathBuf,
    one_path: bool,
    instances: u64,
    /// Held as long as the folder is in use.
    _lock: File,
}

impl Code {
    /// A folder on the volume that no other living component uses, the same one at every start of this component.
    pub fn claim(
        volume: &Volume,
        repository: &RepositoryName,
        subdir: PathBuf,
        command: &[String],
    ) -> io::Result<Self> {
        let one_path = command.iter().find(|word| ONE_PATH.contains(&word.as_str()));
        let kind = one_path.or_else(|| command.iter().rfind(|word| !word.starts_with('-')));
        let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '-' };
        let kind: String = kind.map_or("component", String::as_str).chars().map(plain).collect();
        for number in 1..=SAME_KIND {
            let folder = volume.root().join("components").join(format!("{repository}.{kind}.{number}"));
            fs::create_dir_all(&folder)?;
            let lock = File::create(folder.join(".lock"))?;
            match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    return Ok(Self {
                        volume: volume.clone(),
                        repository: repository.clone(),
                        subdir,
                        folder,
                        one_path: one_path.is_some(),
                        instances: 0,
                        _lock: lock,
                    });
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other("too many components of this kind share the volume"))
    }

    /// The old instance must have ended before the next one starts.
    pub fn one_path(&self) -> bool {
        self.one_path
    }

    /// The link of the next instance.
    pub fn next(&mut self) -> CodeLink {
        self.instances += 1;
        let folder =
            if self.one_path { self.folder.clone() } else { self.folder.join(self.instances.to_string()) };
        CodeLink::new(&self.volume, &self.repository, folder, &self.subdir)
    }
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
        let mut first = claim("airflow dag-processor --verbose");
        let path = first.next().path();
        assert_eq!(path, dir.path().join("components/etl.dag-processor.1/dags"));
        assert_eq!(first.next().path(), path);
        let mut second = claim("airflow dag-processor");
        assert_eq!(second.next().path(), dir.path().join("components/etl.dag-processor.2/dags"));
        drop(first);
        assert_eq!(claim("airflow dag-processor").next().path(), path, "after a restart of the agent");
        let mut triggerer = claim("airflow triggerer");
        assert_ne!(triggerer.next().path(), triggerer.next().path());
    }
}
