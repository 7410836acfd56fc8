use std::path::PathBuf;

/// Why nothing could be found out about an environment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The interpreter could not be started.
    #[error("the interpreter {} cannot be started", python.display())]
    Start {
        /// The interpreter.
        python: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The temporary folder of the check could not be used.
    #[error("the check's temporary folder cannot be used")]
    Folder(#[source] std::io::Error),
    /// The check did not end.
    #[error("the check in {} did not end within {limit_s} s", root.display())]
    TimedOut {
        /// The environment.
        root: PathBuf,
        /// The limit.
        limit_s: u64,
    },
    /// The interpreter ended without an answer.
    #[error("the interpreter of {} ended without an answer ({status}): {said}", root.display())]
    Died {
        /// The environment.
        root: PathBuf,
        /// How it ended.
        status: String,
        /// Its last words.
        said: String,
    },
    /// The answer was not understood.
    #[error("the answer of the check cannot be read")]
    Answer(#[source] serde_json::Error),
}

impl VerifyError {
    /// Whether the same call may succeed later with nothing changed.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Folder(_) | Self::TimedOut { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Start { .. } => "the environment is incomplete or its base is gone; build it again",
            Self::Folder(_) => "check the free space of the temporary directory",
            Self::TimedOut { .. } => "a package or DAG file may wait for a network when it is imported",
            Self::Died { .. } => {
                "import the packages by hand in this environment to see what ends the interpreter"
            }
            Self::Answer(_) => "this is a bug",
        }
    }
}
