use std::io;
use std::path::PathBuf;

use super::agent::AgentError;

/// What can go wrong with a fleet.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// A record or folder cannot be read or written.
    #[error("{step} in {}", path.display())]
    State {
        /// The step.
        step: &'static str,
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The command cannot be started.
    #[error("cannot start `{program}`")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// No client for a socket.
    #[error("worker {worker} cannot be watched")]
    Agent {
        /// The worker.
        worker: String,
        /// Why.
        source: AgentError,
    },
}
