//! Describes a base by asking its interpreter.
//!
//! The interpreter runs isolated (`-I`) and with an environment of ours: no secret of the caller reaches code
//! of the image, and no `PYTHONPATH` of the caller changes the answer.

mod probe;
mod remembered;
mod tags;
mod target;

pub(crate) use remembered::{keep_answer, recall_answer};

pub use probe::{describe, describe_cached, describe_none, identify, identify_cached, resolve_interpreter};
pub use target::{OtherTarget, PythonVersion, TargetError, TargetPlatform};

use std::path::PathBuf;

/// Why a base could not be described.
#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    /// There is no such interpreter.
    #[error("there is no Python interpreter `{python}`")]
    NotFound {
        /// As given.
        python: String,
    },
    /// It could not be started or its output not be read.
    #[error("the interpreter {} cannot be run", python.display())]
    Run {
        /// The interpreter.
        python: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// It took too long.
    #[error("the interpreter {} did not answer within {timeout_s} s", python.display())]
    TimedOut {
        /// The interpreter.
        python: PathBuf,
        /// The limit.
        timeout_s: u64,
    },
    /// It ended with an error; the text is the end of what it said.
    #[error("the interpreter {} cannot describe itself: {said}", python.display())]
    Failed {
        /// The interpreter.
        python: PathBuf,
        /// Last lines of its standard error.
        said: String,
    },
    /// Its answer is not what the probe prints.
    #[error("the description by {} cannot be read", python.display())]
    Answer {
        /// The interpreter.
        python: PathBuf,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
    /// A base file cannot be read.
    #[error("the base description {} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A base file of another format.
    #[error("the base description {} has schema {found}, this program reads {}", path.display(), domain::base::SCHEMA)]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: u32,
    },
}

impl BaseError {
    /// What the user can do.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::NotFound { .. } => "name an interpreter: /usr/bin/python3, or bin/python of a venv",
            Self::Failed { .. } => "Python 3.9 or newer is needed",
            Self::TimedOut { .. } => "the machine may be overloaded; try again",
            Self::File { .. } | Self::Schema { .. } => {
                "write it with `depcache base describe --python PATH -o base.json`"
            }
            Self::Run { .. } | Self::Answer { .. } => return None,
        })
    }
}

/// Reads a base description that `depcache base describe` wrote.
pub fn read(path: &std::path::Path) -> Result<domain::BaseRecord, BaseError> {
    let failed =
        |source: Box<dyn std::error::Error + Send + Sync>| BaseError::File { path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(|error| failed(error.into()))?;
    let record: domain::BaseRecord = serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
    if record.schema != domain::base::SCHEMA {
        return Err(BaseError::Schema { path: path.to_owned(), found: record.schema });
    }
    Ok(record)
}
