//! Why a round could not be finished. A refused commit is no error: it is an outcome.

use std::path::PathBuf;

/// Trouble, or settings with which nothing can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// A setting that `sync` needs is missing.
    #[error("{setting} is not set")]
    Missing {
        /// Flag and variable.
        setting: &'static str,
    },
    /// git.
    #[error("the git repository cannot be followed")]
    Git {
        /// What.
        #[source]
        source: Box<agent_gitsync::Error>,
    },
    /// The object store.
    #[error("the object store cannot be used: {what}")]
    Store {
        /// What was attempted.
        what: &'static str,
        /// Why not.
        #[source]
        source: objectstore::Error,
    },
    /// An object in the store that cannot be read as what its key says.
    #[error("{key} in the store cannot be read")]
    Stored {
        /// Its key.
        key: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// An object that another one names is not there.
    #[error("{key} is named in the store and not there")]
    Gone {
        /// Its key.
        key: String,
    },
    /// A base could not be described.
    #[error("the base of {} cannot be described", python.display())]
    Base {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        #[source]
        source: depcache::base::BaseError,
    },
    /// There is no base to build for.
    #[error("no live base is known")]
    NoBase,
    /// The build could not be run, or failed for a reason that is not the commit's.
    #[error("the environment could not be built: {reason}")]
    Build {
        /// In depcache's words, or why it could not be run.
        reason: String,
    },
    /// The candidate environment could not be put on this machine.
    #[error("the candidate environment cannot be materialised")]
    Environment(#[source] depcache::environment::EnvironmentError),
    /// The checks could not be run.
    #[error("the candidate cannot be checked")]
    Verify(#[source] depcache::verify::VerifyError),
    /// A local file or folder.
    #[error("{} cannot be used", path.display())]
    Disk {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A document could not be written as JSON or identified.
    #[error("a document cannot be encoded")]
    Encode(#[source] serde_json::Error),
    /// An id that is none.
    #[error("commit {commit} makes no publication id")]
    Id {
        /// The commit.
        commit: String,
        /// Why.
        #[source]
        source: domain::publication::PublicationIdError,
    },
    /// A base that has no identity.
    #[error("a base cannot be identified")]
    Identity(#[source] domain::canonical::CanonicalError),
    /// Other writers were always faster.
    #[error("the ref of {repository} was changed by others {times} times in a row")]
    Raced {
        /// The repository.
        repository: String,
        /// How often.
        times: u32,
    },
    /// The work was interrupted between two steps (tests do that).
    #[error("stopped after a step")]
    Stopped,
    /// A thread of this process ended early.
    #[error("a task of this process ended early")]
    Ended(#[source] tokio::task::JoinError),
}

impl SyncError {
    /// Whether the next round may succeed with nothing changed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Missing { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Missing { .. } => Some("set it by flag, variable or configuration file".into()),
            Self::Git { source } => Some(source.hint().into()),
            Self::Store { source, .. } => source.hint().map(Into::into),
            Self::Base { source, .. } => source.hint().map(Into::into),
            Self::NoBase => Some("give --base-python, or start an agent, which registers its base".into()),
            Self::Environment(source) => Some(source.hint().into()),
            Self::Verify(source) => Some(source.hint().into()),
            Self::Disk { .. } => {
                Some("check the free space and the permissions of the state directory".into())
            }
            Self::Gone { .. } | Self::Stored { .. } => {
                Some("the store was changed by hand; restore the object".into())
            }
            _ => None,
        }
    }
}

impl From<agent_gitsync::Error> for SyncError {
    fn from(source: agent_gitsync::Error) -> Self {
        Self::Git { source: Box::new(source) }
    }
}

/// For `map_err` at calls of the store.
pub(super) fn store(what: &'static str) -> impl FnOnce(objectstore::Error) -> SyncError {
    move |source| SyncError::Store { what, source }
}

/// For `map_err` at calls of the file system.
pub(super) fn disk(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> SyncError {
    let path = path.to_owned();
    move |source| SyncError::Disk { path, source }
}
