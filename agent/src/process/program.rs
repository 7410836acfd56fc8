use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::process::{Child, Command};

/// A command that can be started again and again.
#[derive(Debug, Clone)]
pub struct Program {
    /// The program (a path, or a name on `PATH`) and its arguments.
    pub command: Vec<String>,
    /// Variables on top of the agent's own; `None` removes one.
    pub variables: BTreeMap<String, Option<OsString>>,
    /// Slots of a worker that is started again with as many as it may have then.
    pub slots: Option<PoolSlots>,
}

/// How many slots a worker may have at this moment.
#[derive(Debug, Clone)]
pub struct PoolSlots(Arc<AtomicU32>);

impl PoolSlots {
    /// So many.
    pub fn new(slots: u32) -> Self {
        Self(Arc::new(AtomicU32::new(slots)))
    }

    /// From now on so many.
    pub fn set(&self, slots: u32) {
        self.0.store(slots, Ordering::Relaxed);
    }
}

/// Why a program could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// There is no program.
    #[error("the command is empty")]
    Empty,
    /// The system refused.
    #[error("`{program}` cannot be started")]
    Start {
        /// The program.
        program: String,
        /// Why.
        source: std::io::Error,
    },
}

impl SpawnError {
    /// Whether another attempt can succeed: not for a program that is missing or no program.
    pub fn is_retryable(&self) -> bool {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        match self {
            Self::Empty => false,
            Self::Start { source, .. } => !matches!(source.kind(), NotFound | PermissionDenied),
        }
    }
}

/// A started program.
#[derive(Debug)]
pub struct Started {
    /// Its process; stdout and stderr are pipes.
    pub child: Child,
    /// Its process id.
    pub pid: u32,
}

impl Program {
    /// Starts it in a process group of its own, so that a terminal's Ctrl-C reaches the agent only.
    /// It outlives the agent: an agent that dies must not take running tasks with it.
    pub fn start(&self) -> Result<Started, SpawnError> {
        let child = self.spawn(Stdio::piped(), Stdio::piped())?;
        let pid = child.id().unwrap_or_default();
        Ok(Started { child, pid })
    }

    /// As [`Program::start`]; it writes to `output`.
    pub fn start_writing_to(&self, output: File) -> Result<Child, SpawnError> {
        let program = || self.command.first().cloned().unwrap_or_default();
        let errors = output.try_clone().map_err(|source| SpawnError::Start { program: program(), source })?;
        self.spawn(output.into(), errors.into())
    }

    fn spawn(&self, output: Stdio, errors: Stdio) -> Result<Child, SpawnError> {
        let (program, arguments) = self.command.split_first().ok_or(SpawnError::Empty)?;
        let mut command = Command::new(self.resolved(program));
        command.args(arguments).stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        if let Some(PoolSlots(slots)) = &self.slots {
            command.arg("-c").arg(slots.load(Ordering::Relaxed).to_string());
        }
        for (name, value) in &self.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.spawn().map_err(|source| SpawnError::Start { program: program.clone(), source })
    }

    /// A bare name is looked up on the child's `PATH`, not on the agent's.
    fn resolved(&self, program: &str) -> PathBuf {
        let path = self.variables.get("PATH").cloned().flatten();
        let on_path = path.filter(|_| !program.contains('/')).and_then(|path| {
            std::env::split_paths(&path).map(|dir| dir.join(program)).find(|candidate| candidate.is_file())
        });
        on_path.unwrap_or_else(|| PathBuf::from(program))
    }
}
