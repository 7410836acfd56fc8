//! Why a place gave no package.

use std::path::PathBuf;

use domain::exit;

use super::git::GitError;
use crate::index::IndexError;
use crate::source::SourceError;

/// Why a direct reference could not be followed. References in it carry no credentials.
#[derive(Debug, thiserror::Error)]
pub enum DirectError {
    /// No address that can be asked.
    #[error("{reference} is not an address")]
    Address {
        /// As the requirement names it.
        reference: String,
    },
    /// There is nothing at the path.
    #[error("there is no {}", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
    },
    /// A file that is neither a wheel nor a source archive.
    #[error("{} is neither a wheel, a source archive nor a directory", path.display())]
    Kind {
        /// The path.
        path: PathBuf,
    },
    /// It could not be fetched or read.
    #[error("{reference} cannot be read")]
    Fetch {
        /// As the requirement names it.
        reference: String,
        /// Cause.
        #[source]
        source: IndexError,
    },
    /// A repository gave no commit.
    #[error("{reference} cannot be checked out")]
    Git {
        /// As the requirement names it.
        reference: String,
        /// Cause.
        #[source]
        source: GitError,
    },
    /// A source tree gave no metadata.
    #[error("{reference} gives no metadata")]
    Source {
        /// As the requirement names it.
        reference: String,
        /// Cause.
        #[source]
        source: Box<SourceError>,
    },
}

impl DirectError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_retryable(),
            Self::Git { source, .. } => source.is_retryable(),
            Self::Source { source, .. } => source.is_retryable(),
            _ => false,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Address { .. } => {
                "an address looks like https://host.example/name-1.0-py3-none-any.whl".into()
            }
            Self::Missing { .. } => "paths of requirements are relative to the working directory".into(),
            Self::Kind { .. } => {
                "name a file that ends with .whl, .tar.gz or .zip, or a project's directory".into()
            }
            Self::Fetch { source: IndexError::NotFound { .. }, .. } => "check the address".into(),
            Self::Fetch { source, .. } => return source.hint(),
            Self::Git { source, .. } => return source.hint(),
            Self::Source { source, .. } => match &**source {
                SourceError::Other { .. } => "write the name of the project that is there".into(),
                other => return other.hint(),
            },
        })
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Fetch { source: IndexError::NotFound { .. }, .. }
            | Self::Address { .. }
            | Self::Missing { .. }
            | Self::Kind { .. } => exit::DATA,
            Self::Fetch { source, .. } => source.exit_code(),
            Self::Git { source, .. } => source.exit_code(),
            Self::Source { source, .. } => source.exit_code(),
        }
    }
}
