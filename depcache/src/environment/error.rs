use std::io;
use std::path::PathBuf;

use depcache_layer::{TocError, UnpackError};
use domain::canonical::CanonicalError;
use domain::{BaseId, EnvId};

/// Why an environment could not be composed or fetched.
#[derive(Debug, thiserror::Error)]
pub enum EnvironmentError {
    /// The object store failed.
    #[error("cannot read {what} from the store")]
    Store {
        /// The object, in words.
        what: String,
        /// Cause.
        #[source]
        source: objectstore::Error,
    },
    /// The store does not have it.
    #[error("the store has no {what}")]
    Missing {
        /// The object, in words.
        what: String,
    },
    /// The manifest cannot be read.
    #[error("the manifest of environment {} is not of the expected form", env_id.short())]
    Parse {
        /// The environment.
        env_id: EnvId,
        /// Cause.
        #[source]
        source: serde_json::Error,
    },
    /// The manifest has a version that this program does not know.
    #[error("the manifest of environment {} has schema {schema}", env_id.short())]
    Schema {
        /// The environment.
        env_id: EnvId,
        /// The version found.
        schema: u32,
    },
    /// The manifest's content is not what its name says.
    #[error("the manifest of environment {} is corrupt: it is the one of {}", env_id.short(), found.short())]
    Identity {
        /// The environment asked for.
        env_id: EnvId,
        /// What the content says.
        found: EnvId,
    },
    /// The manifest or the base has no identity.
    #[error("the manifest or the base has no canonical form")]
    Canonical(#[source] CanonicalError),
    /// The environment was built for another base.
    #[error("environment {} was built for base {}, this is base {}", env_id.short(), built_for.short(), this.short())]
    Base {
        /// The environment.
        env_id: EnvId,
        /// The base of the manifest.
        built_for: BaseId,
        /// The base at hand.
        this: BaseId,
    },
    /// A layer's table of contents is refused.
    #[error("the layer of {name} is refused")]
    Toc {
        /// Normalised name of the distribution.
        name: String,
        /// Cause.
        #[source]
        source: TocError,
    },
    /// A layer could not be unpacked.
    #[error("the layer of {name} cannot be unpacked")]
    Unpack {
        /// Normalised name of the distribution.
        name: String,
        /// Cause.
        #[source]
        source: UnpackError,
    },
    /// A file of this machine could not be read or written.
    #[error("cannot {step} {}", path.display())]
    File {
        /// What was tried.
        step: &'static str,
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A blocking step panicked or was cancelled at shutdown.
    #[error("unpacking ended early")]
    Ended(#[source] tokio::task::JoinError),
}

impl EnvironmentError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store { source, .. } => source.is_retryable(),
            // A corrupt copy is repaired by its builder; a missing one may still be on its way.
            Self::Missing { .. } | Self::Unpack { .. } | Self::File { .. } | Self::Ended(_) => true,
            Self::Parse { .. }
            | Self::Schema { .. }
            | Self::Identity { .. }
            | Self::Canonical(_)
            | Self::Base { .. }
            | Self::Toc { .. } => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Store { .. } => "check the store's address and credentials",
            Self::Missing { .. } => "build the environment: depcache build",
            Self::Base { .. } => {
                "build the environment for this base: depcache build, or prewarm with --target"
            }
            Self::Schema { .. } => "use the version of this program that built the environment",
            Self::Unpack { source, .. } if !source.is_corrupt() => "check the volume's space and rights",
            Self::File { .. } => "check the volume's space and rights",
            Self::Ended(_) => "try again",
            Self::Parse { .. }
            | Self::Identity { .. }
            | Self::Canonical(_)
            | Self::Toc { .. }
            | Self::Unpack { .. } => "the store's copy is corrupt: build the environment again to repair it",
        }
    }

    /// For `map_err`: the step and the file that failed.
    pub(super) fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }
}
