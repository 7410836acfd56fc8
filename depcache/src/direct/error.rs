//! Why a place gave no package.

use std::path::PathBuf;

use crate::index::IndexError;

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
        /// The path, joined with the working directory.
        path: PathBuf,
    },
    /// A file that is neither a wheel nor a source archive.
    #[error("{} is neither a wheel, a source archive nor a directory", path.display())]
    Kind {
        /// The path.
        path: PathBuf,
    },
    /// It would have to be built, which is not done here.
    #[error("{reference} would have to be built")]
    Build {
        /// As the requirement names it.
        reference: String,
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
}

impl DirectError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Fetch { source, .. } if source.is_retryable())
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
            Self::Build { .. } => "build the wheel where it is made, and name the wheel".into(),
            Self::Fetch { source, .. } => return source.hint(),
        })
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Fetch { source: IndexError::NotFound { .. }, .. } => domain::exit::DATA,
            Self::Fetch { source, .. } => source.exit_code(),
            _ => domain::exit::DATA,
        }
    }
}
