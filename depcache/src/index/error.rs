use std::path::PathBuf;

use domain::Digest;

use super::PageError;

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
    /// It answered with something that is no page of the project.
    #[error("the answer of {url} cannot be read")]
    Page {
        /// Address that was asked.
        url: String,
        /// What is wrong with it.
        #[source]
        source: PageError,
    },
    /// The index vouches for a file with a hash that proves nothing.
    #[error("the index gives only a weak hash (MD5 or SHA-1) for {filename}")]
    WeakHash {
        /// File name.
        filename: String,
    },
    /// It sends on to another kind of address, or from https to http.
    #[error("{url} sends on to an address that is not followed: {problem}")]
    Redirected {
        /// Address that was asked.
        url: String,
        /// Which rule forbids it.
        problem: &'static str,
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
    /// A file does not have the size that the index states.
    #[error("{filename} has another size than promised: expected {expected_bytes} bytes, got {actual}")]
    SizeMismatch {
        /// File name.
        filename: String,
        /// Promised.
        expected_bytes: u64,
        /// Received: a number, or `more`.
        actual: String,
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
    /// A certificate file that is none.
    #[error("the certificates in {} cannot be used", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: reqwest::Error,
    },
    /// A certificate file without a certificate.
    #[error("there is no certificate in {}", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
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
                "check the address (--index-url), the network, a proxy (HTTPS_PROXY) and certificates (--cert, SSL_CERT_FILE)".into()
            }
            Self::Denied { .. } => {
                "give credentials in ~/.netrc, in the address (https://user:password@host/…) or by --keyring-provider subprocess".into()
            }
            Self::NotFound { .. } => "the index lists this file but does not serve it".into(),
            Self::Status { status, .. } if *status >= 500 || *status == 429 => {
                "the index is overloaded or broken; try again later".into()
            }
            Self::Status { .. } => "check the address of the index (--index-url)".into(),
            Self::TimedOut { .. } => {
                "try again, or allow more time with UPDRAFT_INDEX_TIMEOUT_S".into()
            }
            Self::Page { source: PageError::Project { .. }, .. } => {
                "the index mixes up projects: tell its operators".into()
            }
            Self::Page { .. } => "an index address usually ends in /simple; check --index-url".into(),
            Self::WeakHash { .. } => {
                "ask the index's operators for sha256 hashes, or put the file into a --find-links directory".into()
            }
            Self::Redirected { .. } => "give the address that it sends on to, when you trust it".into(),
            Self::HashMismatch { .. } | Self::SizeMismatch { .. } => {
                "the file changed on the index or on the way; do not install it before you know why".into()
            }
            Self::BrokenWheel { .. } => "ask the package's maintainers, or exclude this version".into(),
            Self::Offline { .. } => "run once without --offline".into(),
            Self::Disk { .. } => "check the path, its permissions and free space; --cache-dir chooses another cache".into(),
            Self::Certificate { .. } | Self::NoCertificate { .. } => {
                "give PEM files: --cert with authorities, --client-cert with a certificate and its key".into()
            }
            Self::TooLarge { .. } | Self::Client(_) => return None,
        })
    }

    /// The exit code that a command ends with.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::HashMismatch { .. } | Self::BrokenWheel { .. } | Self::WeakHash { .. } => {
                domain::exit::DATA
            }
            _ => domain::exit::UNAVAILABLE,
        }
    }
}
