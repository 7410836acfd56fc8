//! The volume of a machine: trees and environments that its processes read.
//!
//! ```text
//! trees/<repository>/<publication>/       files of a publication
//! trees/<repository>/<publication>.json   the publication, written after its files
//! current/<repository>                    relative link to the tree that new runs use; only moves forward
//! envs/<env id>/  layers/<tar digest>/    environments (depcache)
//! dags/<repository>                       dags_folder of Airflow 2's dag-processor and scheduler
//! bases/<key>.json                        what the interpreter said about itself, as long as it is the same
//! ```
//! Who uses a tree locks its publication, who uses an environment its manifest (flock, shared): what is locked, current,
//! followed or young is not pruned. Several processes may share a volume: everything appears under its name complete, and what exists is done.

mod code;
mod current;
mod follow;
mod prepare;
mod prune;
mod tree;
mod unpack;

use std::path::{Path, PathBuf};

use domain::{EnvId, PublicationId, RepositoryName};

pub use code::{CodeError, CodeLink};
pub use current::{CurrentError, advance};
pub use follow::{Followed, Follower};
pub use prepare::{EnvironmentReady, PrepareError, Preparer, Ready};
pub use prune::Pruner;
pub use tree::{TreeError, materialise};
pub use unpack::{UnpackError, unpack};

/// Paths on a machine's volume.
#[derive(Debug, Clone)]
pub struct Volume {
    root: PathBuf,
}

impl Volume {
    /// The volume at `root`, made absolute: links and variables of children name it.
    pub fn at(root: &Path) -> std::io::Result<Self> {
        Ok(Self { root: std::path::absolute(root)? })
    }

    /// Its root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Trees of a repository.
    pub fn trees(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join("trees").join(repository.as_str())
    }

    /// The files of a publication.
    pub fn tree(&self, repository: &RepositoryName, id: &PublicationId) -> PathBuf {
        self.trees(repository).join(id.to_string())
    }

    /// The publication beside its files.
    pub fn publication(&self, repository: &RepositoryName, id: &PublicationId) -> PathBuf {
        self.trees(repository).join(format!("{id}.json"))
    }

    /// The link to the current tree.
    pub fn current(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join("current").join(repository.as_str())
    }

    /// The publication that the link names; `None` before the first.
    pub fn current_publication(&self, repository: &RepositoryName) -> Option<PublicationId> {
        let target = std::fs::read_link(self.current(repository)).ok()?;
        target.file_name()?.to_str()?.parse().ok()
    }

    /// The root of an environment.
    pub fn environment(&self, id: EnvId) -> PathBuf {
        self.root.join("envs").join(id.to_string())
    }

    /// Airflow 2's `dags_folder` in dag-processor and scheduler: one path everywhere, for it stands in the database,
    /// and the scheduler tells workers only what lies below its own.
    pub fn dags(&self, repository: &RepositoryName) -> PathBuf {
        self.root.join("dags").join(repository.as_str())
    }

    /// Descriptions of bases.
    pub fn bases(&self) -> PathBuf {
        self.root.join("bases")
    }
}
