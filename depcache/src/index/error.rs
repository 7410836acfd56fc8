use std::path::PathBuf;

use domain::Digest;

/// Why the index could not give what was asked for. Addresses in it carry no credentials.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// No connection, or it broke off, after all tries.
    #[error("the index at {url} cannot be reached")]
    Unreachable {
        /// Address that was asked.
        url: String,
        /// What the connection said.
        #[source]
        source: reqwest::Error,
    },
    /// 401 or 403: it wants other credentials.
    #[error("the index at {url} refuses access (HTTP {status})")]
    Denied {
        /// Address that was asked.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// 404 for a file that the index itself named.
    #[error("{url} does not exist (HTTP 404)")]
    NotFound {
        /// Address that was asked.
        url: String,
    },
    /// Any other status, after all tries where another try could help.
    #[error("the index at {url} answers HTTP {status}")]
    Status {
        /// Address that was asked.
        url: String,
        /// HTTP status.
        status: u16,
    },
    /// It accepted the connection and then said nothing for the time-out, on every try.
    #[error("the index at {url} gave no answer within {timeout_s} s")]
    TimedOut {
        /// Address that was asked.
        url: String,
        /// Seconds without a byte.
        timeout_s: u64,
    },
    /// It answered with something that is no index page or file.
    #[error("the answer of {url} cannot be read: {what}")]
    Malformed {
        /// Address that was asked.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// More bytes than a page or metadata file may have.
    #[error("the answer of {url} is larger than {limit_bytes} bytes")]
    TooLarge {
        /// Address that was asked.
        url: String,
        /// The limit.
        limit_bytes: u64,
    },
    /// A file does not have the hash that the index or the lock promises.
    #[error("{filename} has another content than promised: expected sha256 {expected}, got {actual}")]
    HashMismatch {
        /// File name.
        filename: String,
        /// Promised.
        expected: Digest,
        /// Received.
        actual: Digest,
    },
    /// The file is no readable wheel.
    #[error("{filename} is not a readable wheel: {what}")]
    BrokenWheel {
        /// File name.
        filename: String,
        /// What is wrong with it.
        what: String,
    },
    /// `--offline` and not in the cache.
    #[error("{url} is not in the cache, and --offline forbids to ask")]
    Offline {
        /// Address that would have been asked.
        url: String,
    },
    /// The cache directory or a find-links directory cannot be used.
    #[error("{} cannot be {action}", path.display())]
    Disk {
        /// Path.
        path: PathBuf,
        /// `read`, `written`.
        action: &'static str,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up")]
    Client(#[source] reqwest::Error),
}

impl IndexError {
    /// Whether the same call may succeed later without a change of settings.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Status { status, .. } => *status >= 500 || *status == 429,
            _ => false,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreachable { .. } => {
                "check the address (--index-url), the network, a proxy (HTTPS_PROXY) and certificates (SSL_CERT_FILE)".into()
            }
            Self::Denied { .. } => {
                "give credentials in ~/.netrc or in the address (https://user:password@host/…)".into()
            }
            Self::NotFound { .. } => "the index lists this file but does not serve it".into(),
            Self::Status { status, .. } if *status >= 500 || *status == 429 => {
                "the index is overloaded or broken; try again later".into()
            }
            Self::Status { .. } => "check the address of the index (--index-url)".into(),
            Self::TimedOut { .. } => {
                "try again, or allow more time with UPDRAFT_INDEX_TIMEOUT_S".into()
            }
            Self::Malformed { .. } => {
                "an index address usually ends in /simple; check --index-url".into()
            }
            Self::HashMismatch { .. } => {
                "the file changed on the index or on the way; do not install it before you know why".into()
            }
            Self::BrokenWheel { .. } => "ask the package's maintainers, or exclude this version".into(),
            Self::Offline { .. } => "run once without --offline".into(),
            Self::Disk { .. } => "check the path, its permissions and free space; --cache-dir chooses another cache".into(),
            Self::TooLarge { .. } | Self::Client(_) => return None,
        })
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::HashMismatch { .. } | Self::BrokenWheel { .. } => domain::exit::DATA,
            _ => domain::exit::UNAVAILABLE,
        }
    }
}
