use domain::exit;

/// Why usage cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store failed.
    #[error("usage cannot be read from the store")]
    Store(#[source] objectstore::Error),
    /// A file went between listing and reading.
    #[error("`{key}` was listed and is gone")]
    Gone {
        /// Its key.
        key: String,
    },
    /// A file is damaged, or of another version.
    #[error("`{key}` cannot be read")]
    Damaged {
        /// Its key.
        key: String,
        /// Why.
        source: usage_parquet::DecodeError,
    },
    /// A row cannot be.
    #[error("a row of the store cannot be used")]
    Row(#[source] costs_engine::RowError),
    /// The decoder broke.
    #[error("decoding ended by itself")]
    Decoder(#[source] tokio::task::JoinError),
}

impl ReadError {
    /// Of `domain::exit`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Store(error) if error.is_retryable() => exit::UNAVAILABLE,
            Self::Store(objectstore::Error::Address { .. } | objectstore::Error::Key { .. })
            | Self::Damaged { .. }
            | Self::Row(_) => exit::DATA,
            Self::Store(_) => exit::UNAVAILABLE,
            Self::Gone { .. } => exit::TRY_AGAIN,
            Self::Decoder(_) => exit::BUG,
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Store(error) => error.is_retryable(),
            Self::Gone { .. } => true,
            Self::Damaged { .. } | Self::Row(_) | Self::Decoder(_) => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Store(error) => error.hint(),
            Self::Gone { .. } => Some("run the command again"),
            Self::Damaged { source: usage_parquet::DecodeError::Schema { .. }, .. } => {
                Some("use the version of updraft-costs that goes with the agents")
            }
            Self::Damaged { .. } => Some(
                "restore the file from a copy, or move it out of usage/v1/: its rows are then missing and counted as such",
            ),
            Self::Row(_) => Some("move the file of that writer out of usage/v1/ to go on without it"),
            Self::Decoder(_) => None,
        }
    }
}
