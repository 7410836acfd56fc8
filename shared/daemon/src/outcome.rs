use std::fmt;

use crate::signals::Signal;

/// Why a program stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// A signal asked for it.
    Signal(Signal),
    /// A task whose failure ends the program failed.
    TaskFailed {
        /// The task.
        task: String,
    },
    /// A part of the program asked for it.
    Requested {
        /// Why.
        reason: String,
    },
    /// Every task ended by itself.
    AllEnded,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(signal) => write!(f, "{signal}"),
            Self::TaskFailed { task } => write!(f, "task {task} failed"),
            Self::Requested { reason } => f.write_str(reason),
            Self::AllEnded => f.write_str("every task ended"),
        }
    }
}

/// A task's end that its policy did not absorb. It was logged when it happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The task.
    pub task: String,
    /// The error and its sources in one line.
    pub message: String,
}

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What began the shutdown.
    pub cause: Cause,
    /// Tasks that failed and were not restarted, before or during the shutdown.
    pub failures: Vec<Failure>,
    /// Tasks that still ran at the deadline, or when a second signal cut the shutdown short.
    pub stragglers: Vec<String>,
    /// A second signal cut the shutdown short.
    pub forced: bool,
}

impl Outcome {
    /// Nothing failed and nothing was left behind.
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.stragglers.is_empty() && !self.forced
    }
}
