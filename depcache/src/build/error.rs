use depcache_resolve::{Conflict, RequirementsError, ResolveError};
use domain::Digest;
use domain::canonical::CanonicalError;

use super::Proposed;
use crate::direct::DirectError;
use crate::environment::EnvironmentError;
use crate::index::IndexError;
use crate::layers::LayerError;
use crate::lock::{LockError, ReadLockError};
use crate::session::OpenError;
use crate::source::SourceError;
use crate::verify::{Failure, VerifyError};

/// A requested distribution that does not import in the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportFailure {
    /// Normalised name of the requested distribution.
    pub name: String,
    /// What failed, and in which other distribution's code, if that is known.
    pub failure: Failure,
}

/// Why no environment was built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The requirements files are malformed or missing.
    #[error("the requirements cannot be used")]
    Requirements(#[source] RequirementsError),
    /// A lock is not usable.
    #[error(transparent)]
    Pylock(#[from] ReadLockError),
    /// The lock beside the requirements is not what they say.
    #[error("{} is not what {requirements} says{}", path.display(), listed(changes))]
    StaleLock {
        /// The lock.
        path: std::path::PathBuf,
        /// The requirements file.
        requirements: String,
        /// What differs, one sentence each.
        changes: Vec<String>,
    },
    /// A lock for another base.
    #[error("the lock is for base {of}, this base is {here}")]
    OtherBase {
        /// The lock's base, short.
        of: String,
        /// This base, short.
        here: String,
    },
    /// The index settings are not usable.
    #[error("no package index can be asked")]
    Open(#[source] OpenError),
    /// Nothing satisfies the requirements.
    #[error("{conflict}")]
    Unsolvable {
        /// The explanation; it is the message.
        conflict: Box<Conflict>,
        /// A change that resolves, builds and imports; only looked for when asked.
        proposal: Option<Box<Proposed>>,
    },
    /// The resolver could not finish.
    #[error("the requirements could not be resolved")]
    Resolve(#[source] ResolveError),
    /// The resolution could not be completed to a lock.
    #[error("the resolution could not be locked")]
    Lock(#[source] LockError),
    /// A locked package that is no wheel, and that cannot be made one.
    #[error("{package} is locked from a source, and no wheel can be built of it here")]
    NotAWheel {
        /// Its name.
        package: String,
    },
    /// Sources did not become a wheel.
    #[error("{package} could not be made a wheel (needed by {needed_by})")]
    Source {
        /// Name and version.
        package: String,
        /// Packages that require it, or the user's own lines.
        needed_by: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// What a requirement names by its place could not be had.
    #[error("what a requirement names by its place cannot be had")]
    Place(#[source] DirectError),
    /// A wheel could not be fetched.
    #[error("{filename} could not be fetched")]
    Download {
        /// File name.
        filename: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// The wheel's METADATA is not what the index gave to resolve with.
    #[error(
        "the METADATA in {filename} is not the one that the index gave: expected sha256 {expected}, got {actual}"
    )]
    MetadataDiffers {
        /// File name.
        filename: String,
        /// Of what was resolved with.
        expected: Digest,
        /// Of the wheel's own.
        actual: Digest,
    },
    /// A wheel did not become a layer.
    #[error("{filename} could not be made a layer")]
    Layer {
        /// File name.
        filename: String,
        /// Why.
        #[source]
        source: LayerError,
    },
    /// The environment could not be composed.
    #[error("the environment could not be composed")]
    Environment(#[source] EnvironmentError),
    /// Requested distributions do not import.
    #[error("{} of the requested packages cannot be imported in the environment", failures.len())]
    Imports {
        /// Which, and why.
        failures: Vec<ImportFailure>,
        /// A change that resolves, builds and imports; only looked for when asked.
        proposal: Option<Box<Proposed>>,
        /// Why none could be looked for, when that is the index's doing.
        note: Option<String>,
    },
    /// The import check gave no answer.
    #[error("the environment could not be verified")]
    Verify(#[source] VerifyError),
    /// The object store failed.
    #[error("the object store failed")]
    Store(#[source] objectstore::Error),
    /// An object in the store is damaged.
    #[error("{key} in the store is damaged: {what}")]
    Damaged {
        /// Its key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// Another builder holds the lease and did not finish.
    #[error("{holder} has been building the same environment for more than {waited_s} s")]
    Busy {
        /// Who.
        holder: String,
        /// Seconds waited.
        waited_s: u64,
    },
    /// A local file or directory failed.
    #[error("{} cannot be used", path.display())]
    Disk {
        /// Path.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Facts without an identity.
    #[error("the environment cannot be identified")]
    Identity(#[source] CanonicalError),
}

impl BuildError {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Resolve(error) => error.is_retryable(),
            Self::Lock(LockError::Index { source, .. }) | Self::Download { source, .. } => {
                source.is_retryable()
            }
            Self::Lock(LockError::Gone { .. }) | Self::Busy { .. } => true,
            Self::Source { source, .. } => source.is_retryable(),
            Self::Place(error) => error.is_retryable(),
            Self::Store(error) => error.is_retryable(),
            Self::Verify(error) => error.is_retryable(),
            Self::Environment(error) => error.is_retryable(),
            _ => false,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Requirements(error) => error.hint(),
            Self::OtherBase { .. } => Some("lock again for this base".into()),
            Self::StaleLock { path, requirements, .. } => Some(format!(
                "lock again with `depcache lock {requirements} -o {}` and commit it, or add --relock",
                path.display()
            )),
            Self::Pylock(ReadLockError::Pylock { source, .. }) => Some(source.hint().into()),
            Self::Open(OpenError::Settings(error)) => Some(error.hint().into()),
            Self::Open(OpenError::Client(error)) => error.hint(),
            Self::Resolve(error) => error.hint(),
            Self::Lock(LockError::Index { source, .. }) | Self::Download { source, .. } => source.hint(),
            Self::Lock(LockError::Gone { .. }) => Some("try again".into()),
            Self::MetadataDiffers { .. } => {
                Some("the index serves wrong metadata for this file; exclude the version, and tell who runs the index".into())
            }
            Self::Imports { proposal: None, note: Some(note), .. } => Some(note.clone()),
            Self::Imports { proposal: None, .. } => {
                Some("pin an older release of the package that broke the import, or a newer one of the package that does not import".into())
            }
            Self::Store(error) => error.hint().map(Into::into),
            Self::Verify(error) => Some(error.hint().into()),
            Self::Source { source, .. } => source.hint(),
            Self::Place(error) => error.hint(),
            Self::Environment(error) => Some(error.hint().into()),
            Self::Layer { source, .. } => Some(source.hint().into()),
            Self::Damaged { .. } => Some("delete the object and build again".into()),
            Self::Busy { .. } => Some("try again later".into()),
            Self::Disk { .. } => Some("check permissions and free space".into()),
            _ => None,
        }
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        use domain::exit::{BUG, DATA, TRY_AGAIN, UNAVAILABLE, USAGE};
        match self {
            Self::Environment(error) if error.is_retryable() => UNAVAILABLE,
            Self::Verify(error) if error.is_retryable() => TRY_AGAIN,
            Self::Lock(LockError::Gone { .. }) | Self::Busy { .. } => TRY_AGAIN,
            Self::Open(OpenError::Settings(_)) => USAGE,
            Self::Open(OpenError::Client(error)) | Self::Download { source: error, .. } => error.exit_code(),
            Self::Lock(LockError::Index { source, .. }) => source.exit_code(),
            Self::Resolve(ResolveError::Facts { source, .. }) => crate::facts::exit_code(source),
            Self::Source { source, .. } => source.exit_code(),
            Self::Place(error) => error.exit_code(),
            Self::Lock(LockError::Base(_) | LockError::NoHash { .. })
            | Self::Identity(_)
            | Self::Verify(VerifyError::Answer(_)) => BUG,
            Self::Requirements(_)
            | Self::Pylock(ReadLockError::Pylock { .. })
            | Self::StaleLock { .. }
            | Self::NotAWheel { .. }
            | Self::OtherBase { .. }
            | Self::Unsolvable { .. }
            | Self::Resolve(_)
            | Self::MetadataDiffers { .. }
            | Self::Layer { .. }
            | Self::Environment(_)
            | Self::Imports { .. }
            | Self::Lock(LockError::HashNotAllowed { .. })
            | Self::Verify(VerifyError::Died { .. }) => DATA,
            Self::Verify(_)
            | Self::Store(_)
            | Self::Pylock(ReadLockError::Read { .. })
            | Self::Damaged { .. }
            | Self::Disk { .. } => UNAVAILABLE,
        }
    }
}

/// Sentences as lines of a list.
fn listed(sentences: &[String]) -> String {
    sentences.iter().flat_map(|sentence| ["\n  - ", sentence]).collect()
}

impl From<objectstore::Error> for BuildError {
    fn from(error: objectstore::Error) -> Self {
        Self::Store(error)
    }
}

impl From<CanonicalError> for BuildError {
    fn from(error: CanonicalError) -> Self {
        Self::Identity(error)
    }
}
