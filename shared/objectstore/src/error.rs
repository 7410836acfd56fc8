use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// What was being done when something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading an object.
    Read,
    /// Asking for an object's size and etag.
    Stat,
    /// Writing an object.
    Write,
    /// Writing an object in parts.
    Upload,
    /// Copying an object to a local file.
    Download,
    /// Listing keys.
    List,
    /// Deleting an object.
    Delete,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Stat => "look up",
            Self::Write => "write",
            Self::Upload => "upload",
            Self::Download => "download",
            Self::List => "list",
            Self::Delete => "delete",
        })
    }
}

/// Why an S3 request failed, told by error type, status and error code only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// No connection, or it broke.
    Unreachable,
    /// No answer in time.
    TimedOut,
    /// No credentials were found.
    NoCredentials,
    /// The access key, the secret or the token is wrong.
    WrongCredentials,
    /// The credentials are good, but may not do this.
    Forbidden,
    /// The bucket does not exist.
    NoSuchBucket,
    /// The endpoint or region is not the bucket's.
    WrongRegion,
    /// Too many requests, or the server is out of order (429, 5xx).
    Busy,
    /// Another writer was at the same key (409).
    Conflict,
    /// The object was replaced while it was read.
    Changed,
    /// The object is larger than [`GET_LIMIT_BYTES`](crate::GET_LIMIT_BYTES).
    TooLarge,
    /// Anything else that the server refused, with its HTTP status.
    Refused(u16),
    /// The answer could not be understood.
    Malformed,
}

/// Why an operation on the store failed. Messages name the step and the key; the cause is the source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not one that [`Store::open`](crate::Store::open) knows.
    #[error("`{url}` is not an object store address: {problem}")]
    Address {
        /// As given.
        url: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The key cannot be stored by every backend.
    #[error("`{key}` is not a key: {problem}")]
    Key {
        /// As given.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The object that was to be read does not exist.
    #[error("cannot {step} `{key}` in {store}: it does not exist")]
    Missing {
        /// What was tried.
        step: Step,
        /// The key.
        key: String,
        /// The store's address.
        store: String,
    },
    /// The directory backend failed.
    #[error("cannot {step} `{key}` in {store}")]
    Directory {
        /// What was tried.
        step: Step,
        /// The key.
        key: String,
        /// The store's address.
        store: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file outside the store could not be read or written.
    #[error("cannot {step} `{key}`: the local file {} failed", path.display())]
    LocalFile {
        /// What was tried.
        step: Step,
        /// The key.
        key: String,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The S3 backend failed.
    #[error("cannot {step} `{key}` in {store}")]
    S3 {
        /// What was tried.
        step: Step,
        /// The key, or the prefix of a listing.
        key: String,
        /// The store's address.
        store: String,
        /// Why, for decisions.
        cause: Cause,
        /// Why, in the SDK's words.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// A listing went past [`LIST_LIMIT_KEYS`](crate::LIST_LIMIT_KEYS).
    #[error("cannot list `{prefix}` in {store}: more than {limit} keys")]
    TooManyKeys {
        /// The prefix.
        prefix: String,
        /// The store's address.
        store: String,
        /// The limit.
        limit: usize,
    },
}

impl Error {
    /// Whether the same call may succeed later without anybody changing anything. The backends have
    /// already retried a few times in short order; wait before the next try.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::S3 { cause, .. } => matches!(
                cause,
                Cause::Unreachable | Cause::TimedOut | Cause::Busy | Cause::Conflict | Cause::Changed
            ),
            Self::Directory { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::Interrupted
                    | io::ErrorKind::TimedOut
                    | io::ErrorKind::WouldBlock
                    | io::ErrorKind::StaleNetworkFileHandle
                    | io::ErrorKind::StorageFull
                    | io::ErrorKind::QuotaExceeded
            ),
            Self::Address { .. }
            | Self::Key { .. }
            | Self::Missing { .. }
            | Self::LocalFile { .. }
            | Self::TooManyKeys { .. } => false,
        }
    }

    /// What a person can do about it, one sentence.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("use s3://bucket/prefix or file:///directory"),
            Self::S3 { cause, .. } => cause.hint(),
            Self::Directory { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    Some("check who owns the store's directory and whether it is writable")
                }
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                    Some("make room on the store's file system")
                }
                io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => Some(
                    "a directory store cannot hold both a key and keys below it; remove the one in the way",
                ),
                _ => None,
            },
            Self::Key { .. } | Self::Missing { .. } | Self::LocalFile { .. } | Self::TooManyKeys { .. } => {
                None
            }
        }
    }
}

impl Cause {
    fn hint(self) -> Option<&'static str> {
        match self {
            Self::Unreachable | Self::TimedOut => {
                Some("check that the S3 endpoint (AWS_ENDPOINT_URL) is up and reachable from here")
            }
            Self::NoCredentials => {
                Some("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role")
            }
            Self::WrongCredentials => {
                Some("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN")
            }
            Self::Forbidden => Some("give these credentials the missing permission on the bucket and prefix"),
            Self::NoSuchBucket => Some("create the bucket, or correct its name in the store's address"),
            Self::WrongRegion => Some("set AWS_REGION to the bucket's region"),
            Self::Busy | Self::Conflict | Self::Changed => Some("try again later"),
            Self::TooLarge | Self::Refused(_) | Self::Malformed => None,
        }
    }
}
