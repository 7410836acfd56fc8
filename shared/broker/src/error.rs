use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What can go wrong between Updraft and the broker. `address` is `host:port/db`, never a credential.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The URL is not one that this crate understands.
    #[error("the broker's URL is not understood: {reason}")]
    Address {
        /// What is wrong with it, without the URL itself (it carries a password).
        reason: &'static str,
    },
    /// Nobody answers, or the answer does not come in time.
    #[error("{operation}: the broker at {address} does not answer")]
    Unreachable {
        /// The step that failed.
        operation: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// The broker answers and says no: wrong password, no permission for a command.
    #[error("{operation}: the broker at {address} refuses access")]
    Refused {
        /// The step that failed.
        operation: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// The broker is loading, failing over or read-only for the moment.
    #[error("{operation}: the broker at {address} is not ready")]
    NotReady {
        /// The step that failed.
        operation: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// The broker answers something that does not fit: a key of another type, not a Redis at all.
    #[error("{operation}: the broker at {address} answers something unexpected")]
    Protocol {
        /// The step that failed.
        operation: &'static str,
        /// Where.
        address: String,
        /// Why.
        source: RedisError,
    },
    /// A document of ours cannot be written as JSON.
    #[error("{operation}: cannot be written as JSON")]
    Encode {
        /// The step that failed.
        operation: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A worker node did not answer a remote control command in time.
    #[error("worker {node} did not answer {method} within {timeout_ms} ms")]
    NoReply {
        /// Celery node name.
        node: String,
        /// Remote control method.
        method: &'static str,
        /// How long was waited.
        timeout_ms: u64,
    },
    /// A worker node answered a remote control command with an error.
    #[error("worker {node} cannot do {method}: {message}")]
    Node {
        /// Celery node name.
        node: String,
        /// Remote control method.
        method: &'static str,
        /// The worker's own words.
        message: String,
    },
}

impl Error {
    /// Sorts a Redis error by what one can do about it.
    pub(crate) fn redis(operation: &'static str, address: &str, source: RedisError) -> Self {
        let address = address.to_owned();
        match source.kind() {
            ErrorKind::AuthenticationFailed | ErrorKind::Server(ServerErrorKind::NoPerm) => {
                Self::Refused { operation, address, source }
            }
            ErrorKind::Extension if matches!(source.code(), Some("NOAUTH" | "WRONGPASS")) => {
                Self::Refused { operation, address, source }
            }
            ErrorKind::Io => Self::Unreachable { operation, address, source },
            ErrorKind::Server(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::MasterDown
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::ReadOnly,
            ) => Self::NotReady { operation, address, source },
            ErrorKind::InvalidClientConfig => {
                Self::Address { reason: "the settings in it contradict each other" }
            }
            _ => Self::Protocol { operation, address, source },
        }
    }

    /// Whether the same call can succeed later without anybody changing anything.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::NotReady { .. } | Self::NoReply { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Address { .. } => {
                "expected redis://[user:password@]host[:port][/db], or rediss:// for TLS, as in Airflow's [celery] broker_url"
            }
            Self::Unreachable { .. } => {
                "check that Redis runs and that host, port and network policy let this machine reach it"
            }
            Self::Refused { .. } => {
                "check user and password in the URL; an ACL user needs the keys of Airflow's queues, `unacked*`, `_kombu.*` and the `*.celery*` channels"
            }
            Self::NotReady { .. } => "Redis is loading its data or failing over; this passes",
            Self::Protocol { .. } => {
                "check that the URL names Airflow's broker and the right database number"
            }
            Self::Encode { .. } => "this is a bug in Updraft",
            Self::NoReply { .. } => {
                "the worker is starting, shutting down or stuck; Celery stops answering as soon as it got SIGTERM"
            }
            Self::Node { .. } => "see the worker's log",
        }
    }
}
