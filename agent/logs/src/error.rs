use std::io;
use std::path::PathBuf;

/// Why a log path cannot be watched.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum WatchError {
    /// The path leads out of the log folder.
    #[error("`{log_path}` is not a path below the log folder")]
    Outside {
        /// As given.
        log_path: String,
    },
    /// More attempts than [`ATTEMPTS_LIMIT`](crate::ATTEMPTS_LIMIT) are being watched.
    #[error("`{log_path}` is not watched: {limit} logs are watched already")]
    TooMany {
        /// As given.
        log_path: String,
        /// The limit.
        limit: usize,
    },
}

/// Why a pass over a log stopped. All of it is tried again: the log file is the backlog.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ShipError {
    #[error("cannot read the log file {}", path.display())]
    Log {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot save the position {}", path.display())]
    State {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("cannot use the log store")]
    Store {
        #[source]
        source: objectstore::Error,
    },
}

impl ShipError {
    pub(crate) fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store { source } => source.hint(),
            Self::Log { .. } | Self::State { .. } => None,
        }
    }
}
