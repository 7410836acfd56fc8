//! Starting, waiting for and ending processes. Each has a log file, a group of its own and a line in the ledger.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::future::Future;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failure::Failure;
use crate::ledger::{Entry, start_ticks};
use crate::state::State;

/// First and longest pause between two looks at a condition: what is quick is seen at once, and what takes minutes is not
/// slowed down by being looked at.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));
/// How much of a log an error shows.
const TAIL_LINES: usize = 15;
/// The variable by which `down` finds processes that a started process left behind.
pub(crate) const MARKER: &str = "UPDRAFT_LOCAL_OWNER";

/// A command line with what it needs.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Name in the ledger and of the log.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: BTreeMap<String, String>,
    /// User and group to run as.
    pub user: Option<(u32, u32)>,
}

impl Program {
    /// A program with an environment.
    pub(crate) fn new(name: &str, path: &Path, args: &[&str], env: BTreeMap<String, String>) -> Self {
        let args = args.iter().map(|&arg| arg.to_owned()).collect();
        Self { name: name.to_owned(), path: path.to_owned(), args, env, user: None }
    }

    fn command(&self, state: &State) -> Result<Command, Failure> {
        let log = state.log(&self.name);
        let output =
            OpenOptions::new().create(true).append(true).open(&log).map_err(Failure::file("open", &log))?;
        let errors = output.try_clone().map_err(Failure::file("open", &log))?;
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(&self.env).env(MARKER, state.dir());
        // A terminal's Ctrl-C must reach this program alone: it ends the others in order.
        command.process_group(0).current_dir("/");
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        Ok(command)
    }

    /// Starts it in the background and records it.
    pub(crate) fn start(&self, state: &State) -> Result<Entry, Failure> {
        let child = self.command(state)?.spawn().map_err(|source| self.spawn_failure(source))?;
        let entry = Entry {
            name: self.name.clone(),
            pid: child.id(),
            // Gone at once: the wait that follows will say so.
            start_ticks: start_ticks(child.id()).unwrap_or_default(),
        };
        state.ledger().add(entry.clone())?;
        Ok(entry)
    }

    /// Runs it to its end and answers its exit status; ended when the caller stops waiting.
    pub(crate) async fn status(&self, state: &State) -> Result<std::process::ExitStatus, Failure> {
        let mut command = tokio::process::Command::from(self.command(state)?);
        let mut child = command.kill_on_drop(true).spawn().map_err(|source| self.spawn_failure(source))?;
        child.wait().await.map_err(|source| self.spawn_failure(source))
    }

    /// Runs it to its end; a failure shows the end of its log.
    pub(crate) async fn run(&self, state: &State) -> Result<(), Failure> {
        let status = self.status(state).await?;
        if status.success() {
            return Ok(());
        }
        let log = state.log(&self.name);
        Err(Failure::Command { what: self.name.clone(), status: status.to_string(), tail: tail(&log), log })
    }

    /// Runs it to its end; what it wrote to standard output. Its standard error goes to its log.
    pub(crate) async fn output(&self, state: &State) -> Result<String, Failure> {
        let mut command = tokio::process::Command::from(self.command(state)?);
        let output = command
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(|source| self.spawn_failure(source))?;
        let log = state.log(&self.name);
        if !output.status.success() {
            let status = output.status.to_string();
            return Err(Failure::Command { what: self.name.clone(), status, tail: tail(&log), log });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn spawn_failure(&self, source: std::io::Error) -> Failure {
        Failure::Spawn { program: self.path.display().to_string(), source }
    }
}

/// Waits until `look` answers `Ok`; its `Err` says what was seen instead.
pub(crate) async fn until<T, F, L>(what: &str, deadline: Duration, mut look: L) -> Result<T, Failure>
where
    F: Future<Output = Result<T, String>>,
    L: FnMut() -> F,
{
    let started = Instant::now();
    let mut pause = PAUSE.0;
    loop {
        let last = match look().await {
            Ok(value) => return Ok(value),
            Err(last) => last,
        };
        if started.elapsed() >= deadline {
            return Err(Failure::Deadline { what: what.to_owned(), deadline_s: deadline.as_secs(), last });
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 3 / 2).min(PAUSE.1);
    }
}

/// As [`until`], and fails at once when the process ends.
pub(crate) async fn until_served<F, L>(
    state: &State,
    entry: &Entry,
    what: &str,
    deadline: Duration,
    mut look: L,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), String>>,
    L: FnMut() -> F,
{
    let served = until(what, deadline, || {
        let look = look();
        async move {
            match look.await {
                Ok(()) => Ok(true),
                Err(_) if !entry.is_running() => Ok(false),
                Err(last) => Err(last),
            }
        }
    });
    if served.await? {
        return Ok(());
    }
    let log = state.log(&entry.name);
    Err(Failure::Ended { name: entry.name.clone(), tail: tail(&log), log })
}

/// Sends a signal to exactly the recorded process.
pub(crate) fn signal(entry: &Entry, signal: Signal) {
    if let Ok(pid) = i32::try_from(entry.pid)
        && entry.is_running()
    {
        // It may end between the look and the signal: nothing is lost then.
        kill(Pid::from_raw(pid), signal).ok();
    }
}

/// The last lines of a log.
pub(crate) fn tail(log: &Path) -> String {
    let text =
        std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
}
