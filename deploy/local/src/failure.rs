//! How this program fails: what was being done, why, what to do, exit code.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use domain::exit;

use crate::progress::Progress;

/// A failure of the bring-up or the demo.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// No runtime.
    #[error("the async runtime cannot be started")]
    Runtime {
        #[source]
        source: io::Error,
    },
    /// A file or folder of the state.
    #[error("cannot {step} {}", path.display())]
    File {
        step: &'static str,
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// A recorded file that this program did not write like this.
    #[error("{} is not what this program writes", path.display())]
    Record {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },
    /// Something runs already.
    #[error("the state folder {} has running processes ({names})", path.display())]
    Running { path: PathBuf, names: String },
    /// A program is missing.
    #[error("the program {} is missing", path.display())]
    Program { path: PathBuf },
    /// A command could not be run.
    #[error("cannot run {program}")]
    Spawn {
        program: String,
        #[source]
        source: io::Error,
    },
    /// A command said no.
    #[error("{what} failed ({status}); its log: {}\n{tail}", log.display())]
    Command { what: String, status: String, log: PathBuf, tail: String },
    /// A service ended while it was waited for.
    #[error("{name} ended by itself; its log: {}\n{tail}", log.display())]
    Ended { name: String, log: PathBuf, tail: String },
    /// A condition did not come true in time.
    #[error("not within {deadline_s} s: {what} (last seen: {last})")]
    Deadline { what: String, deadline_s: u64, last: String },
    /// Something is not as it should be.
    #[error("{what}: {seen}")]
    Unexpected { what: String, seen: String },
    /// PostgreSQL refuses to run as root and there is no user for it.
    #[error("there is no user `postgres` to run PostgreSQL as")]
    NoPostgresUser,
    /// An answer of one of our own programs.
    #[error("the answer of {program} has no `{field}`")]
    Answer { program: &'static str, field: &'static str },
    /// Airflow's API.
    #[error("a request to Airflow failed")]
    Airflow(#[from] airflow_api::Error),
    /// The store.
    #[error("a request to the object store failed")]
    Store(#[from] objectstore::Error),
    /// Redis.
    #[error("a request to Redis failed")]
    Broker(#[from] broker::Error),
    /// Ctrl-C or SIGTERM.
    #[error("interrupted; everything that was started has been ended")]
    Interrupted,
}

impl Failure {
    /// A file operation that failed.
    pub(crate) fn file(step: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { step, path, source }
    }

    /// What to do about it.
    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Running { .. } => Some("`updraft-local down` ends them (make demo-down)"),
            Self::Program { .. } => Some("build the workspace: cargo build --profile ci --workspace --bins"),
            Self::NoPostgresUser => Some("install the package postgresql, or run as an ordinary user"),
            Self::Record { .. } => Some("remove the state folder and start again"),
            _ => None,
        }
    }

    /// Exit code for scripts.
    fn code(&self) -> u8 {
        match self {
            Self::File { .. } | Self::Record { .. } => exit::DATA,
            Self::Running { .. } | Self::Interrupted => exit::TRY_AGAIN,
            Self::Answer { .. } => exit::BUG,
            _ => exit::UNAVAILABLE,
        }
    }

    /// Says it with its causes, once.
    pub(crate) fn tell(&self, progress: &Progress) -> ExitCode {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        progress.say(&format!("error: {message}"));
        if let Some(hint) = self.hint() {
            progress.say(&format!("hint: {hint}"));
        }
        ExitCode::from(self.code())
    }
}
