//! How a failed command is told: message, causes, hint, exit code.

use crate::serve::ServeError;
use crate::sources::SourcesError;
use crate::usage::ReadError;

/// What goes to standard error, and the exit code.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

impl Failure {
    /// From a message.
    pub fn new(code: u8, message: impl Into<String>, hint: Option<&str>) -> Self {
        Self { message: message.into(), hint: hint.map(ToOwned::to_owned), code }
    }

    /// From an error with its causes.
    pub fn of(code: u8, error: &dyn std::error::Error, hint: Option<&str>) -> Self {
        Self::new(code, daemon::chain(error), hint)
    }

    /// Says it; the exit code is what is left to do.
    #[expect(clippy::print_stderr, reason = "stderr is for people")]
    pub fn tell(&self) -> u8 {
        eprintln!("error: {}", self.message);
        if let Some(hint) = &self.hint {
            eprintln!("hint: {hint}");
        }
        self.code
    }
}

impl From<SourcesError> for Failure {
    fn from(error: SourcesError) -> Self {
        Self::of(error.exit_code(), &error, error.hint())
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::of(error.exit_code(), &error, error.hint())
    }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Self::of(error.exit_code(), &error, error.hint())
    }
}
