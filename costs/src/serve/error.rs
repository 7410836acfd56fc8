use std::net::SocketAddr;
use std::path::PathBuf;

use domain::exit;

use crate::database::DatabaseError;
use crate::sources::SourcesError;

/// Why serving did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Store, prices or owners.
    #[error(transparent)]
    Sources(#[from] SourcesError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Signals cannot be listened to.
    #[error("signals cannot be listened to")]
    Signals(#[source] std::io::Error),
    /// Metrics cannot be kept.
    #[error("metrics cannot be set up")]
    Metrics(#[source] metrics_exporter_prometheus::BuildError),
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The token's file cannot be read.
    #[error("the token file {} cannot be read", path.display())]
    TokenFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The token is empty.
    #[error("the token file {} is empty", path.display())]
    TokenEmpty {
        /// The file.
        path: PathBuf,
    },
}

impl ServeError {
    /// Of `domain::exit`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Sources(error) => error.exit_code(),
            Self::Database(error) => error.exit_code(),
            Self::Signals(_) | Self::Listen { .. } => exit::UNAVAILABLE,
            Self::Metrics(_) => exit::BUG,
            Self::TokenFile { .. } | Self::TokenEmpty { .. } => exit::DATA,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Sources(error) => error.hint(),
            Self::Database(error) => error.hint(),
            Self::Listen { .. } => {
                Some("is another one running? --listen takes another address; port 0 takes any")
            }
            Self::TokenFile { .. } | Self::TokenEmpty { .. } => {
                Some("write one secret line, the same that agents have as UPDRAFT_COSTS_TOKEN")
            }
            Self::Signals(_) | Self::Metrics(_) => None,
        }
    }
}
