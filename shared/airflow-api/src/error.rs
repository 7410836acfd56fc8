//! What can go wrong with a request.

use std::fmt;

use reqwest::StatusCode;

/// What was asked of Airflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Which API it speaks.
    Version,
    /// A token.
    Token,
    /// One DAG.
    Dag,
    /// Pausing or unpausing.
    Pause,
    /// Parsing a file now.
    Parse,
    /// Import errors.
    ImportErrors,
    /// Starting a run.
    Trigger,
    /// One run.
    Run,
    /// Task instances of a run.
    Tasks,
    /// A task's log.
    Log,
    /// Health.
    Health,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "its version",
            Self::Token => "a token",
            Self::Dag => "a DAG",
            Self::Pause => "pausing a DAG",
            Self::Parse => "parsing a file",
            Self::ImportErrors => "import errors",
            Self::Trigger => "a new run",
            Self::Run => "a run",
            Self::Tasks => "task instances",
            Self::Log => "a task's log",
            Self::Health => "its health",
        })
    }
}

/// A failed request.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is no http or https address.
    #[error("`{address}` is not an http or https address")]
    Address {
        /// What was given.
        address: String,
    },
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be built")]
    Client {
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// No answer.
    #[error("Airflow did not answer when asked for {step}")]
    Unreachable {
        /// What was asked.
        step: Step,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Airflow refused.
    #[error("Airflow answered {status} when asked for {step}: {detail}")]
    Refused {
        /// What was asked.
        step: Step,
        /// Its status.
        status: StatusCode,
        /// Its words, cut to a line.
        detail: String,
    },
    /// The answer is not what this client knows.
    #[error("Airflow's answer to {step} cannot be read")]
    Answer {
        /// What was asked.
        step: Step,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

impl Error {
    /// True when the same request may succeed later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Unreachable { .. } => true,
            Self::Refused { status, .. } => is_busy(*status),
            Self::Address { .. } | Self::Client { .. } | Self::Answer { .. } => false,
        }
    }

    /// True when Airflow does not know what was asked for (yet).
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused { status, .. } if *status == StatusCode::NOT_FOUND)
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Address { .. } => Some("expected something like http://127.0.0.1:8080"),
            Self::Refused { status, .. } if *status == StatusCode::UNAUTHORIZED => Some(
                "give the user and password of an Airflow user, or allow all admins in a throw-away Airflow",
            ),
            Self::Refused { status, .. } if *status == StatusCode::FORBIDDEN => {
                Some("the Airflow user needs the permission for this request")
            }
            Self::Answer { .. } => {
                Some("Updraft speaks the REST APIs of Airflow 3 (/api/v2) and 2.11 (/api/v1)")
            }
            _ => None,
        }
    }
}

/// Statuses of a server that is overloaded, starting or behind a proxy that lost it.
pub(crate) fn is_busy(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502 | 503 | 504)
}
