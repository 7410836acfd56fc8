//! How a failed command is told: message, causes, hint, exit code.

use depcache::base::{BaseError, TargetError};
use depcache::index::{IndexError, SettingsError};
use depcache::lock::{LockError, PylockError};
use depcache::session::OpenError;
use depcache_resolve::{RequirementsError, ResolveError};
use domain::exit;

/// What goes to standard error, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// A failure that is not an error type of the library.
    pub(crate) fn new(code: u8, message: impl Into<String>, hint: Option<String>) -> Self {
        Self { message: message.into(), hint, code }
    }

    /// A failure whose message is `error` with its causes.
    pub(crate) fn of(code: u8, error: &dyn std::error::Error, hint: Option<String>) -> Self {
        Self::new(code, chain(error), hint)
    }

    /// Says it; the exit code is what is left to do.
    pub(crate) fn tell(&self) -> u8 {
        super::say(&format!("error: {}", self.message));
        if let Some(hint) = &self.hint {
            super::say(&format!("hint: {hint}"));
        }
        self.code
    }
}

/// `message: cause: cause`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

impl From<BaseError> for Failure {
    fn from(error: BaseError) -> Self {
        let code = match error {
            BaseError::TimedOut { .. } => exit::TRY_AGAIN,
            BaseError::Answer { .. } => exit::BUG,
            BaseError::File { .. } | BaseError::Schema { .. } => exit::DATA,
            _ => exit::UNAVAILABLE,
        };
        Self::of(code, &error, error.hint().map(Into::into))
    }
}

impl From<TargetError> for Failure {
    fn from(error: TargetError) -> Self {
        Self::of(exit::USAGE, &error, Some(error.hint().into()))
    }
}

impl From<RequirementsError> for Failure {
    fn from(error: RequirementsError) -> Self {
        // `render` brings place, line, causes and hint.
        let code = if error.is_unavailable() { exit::UNAVAILABLE } else { exit::DATA };
        Self::new(code, error.render(), None)
    }
}

impl From<IndexError> for Failure {
    fn from(error: IndexError) -> Self {
        Self::of(error.exit_code(), &error, error.hint())
    }
}

impl From<SettingsError> for Failure {
    fn from(error: SettingsError) -> Self {
        Self::of(exit::USAGE, &error, Some(error.hint().into()))
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Settings(error) => error.into(),
            OpenError::Client(error) => error.into(),
        }
    }
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        let hint = error.hint();
        match &error {
            ResolveError::Conflict(conflict) => Self::new(exit::DATA, conflict.to_string(), None),
            ResolveError::Facts { source, .. } => {
                Self { hint, ..Self::of(depcache::facts::exit_code(source), source, None) }
            }
            ResolveError::Base { .. } | ResolveError::TooLong { .. } => Self::of(exit::DATA, &error, hint),
        }
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        match &error {
            LockError::Index { source, .. } => Self::of(source.exit_code(), &error, source.hint()),
            LockError::Gone { .. } => Self::of(exit::TRY_AGAIN, &error, Some("lock again".into())),
            LockError::HashNotAllowed { .. } => {
                let hint = "the file is not the one that the requirements were made with";
                Self::of(exit::DATA, &error, Some(hint.into()))
            }
            LockError::Base(_) | LockError::NoHash { .. } => Self::of(exit::BUG, &error, None),
        }
    }
}

impl From<PylockError> for Failure {
    fn from(error: PylockError) -> Self {
        Self::of(exit::DATA, &error, Some(error.hint().into()))
    }
}
