use std::path::PathBuf;

use domain::exit;

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// It cannot be opened.
    #[error("the database {} cannot be opened", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// An old one cannot be removed.
    #[error("the old database {} cannot be removed", path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Reading or writing failed.
    #[error("the database failed while {step}")]
    Step {
        /// What was done.
        step: &'static str,
        /// Why.
        source: rusqlite::Error,
    },
    /// A row cannot be.
    #[error("a row was refused")]
    Row(#[from] costs_engine::RowError),
    /// A live row cannot be kept.
    #[error("a live row cannot be written as JSON")]
    Json(#[source] serde_json::Error),
    /// The thread that used it broke.
    #[error("work on the database ended by itself")]
    Worker(#[source] tokio::task::JoinError),
}

impl DatabaseError {
    /// Names the step of a failure.
    pub(super) fn at(step: &'static str) -> impl Fn(rusqlite::Error) -> Self {
        move |source| Self::Step { step, source }
    }

    /// Of `domain::exit`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Open { .. } | Self::Remove { .. } | Self::Step { .. } => exit::UNAVAILABLE,
            Self::Row(_) => exit::DATA,
            Self::Json(_) | Self::Worker(_) => exit::BUG,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Open { .. } | Self::Remove { .. } => Some(
                "check the folder and its owner; the file can be deleted at any time, it is built again from the store",
            ),
            Self::Step { .. } => Some("--rebuild builds the database again from the store"),
            _ => None,
        }
    }
}
