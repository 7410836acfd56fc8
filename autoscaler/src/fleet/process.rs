//! Processes of worker agents: starting, recognising, signalling. Not to be confused with the tasks in them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;
use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// Marks an agent's environment, so that it is found even when its pid was never written down.
const MARKER: &str = "UPDRAFT_AUTOSCALER_WORKER";

/// Starts an agent in a process group of its own: a signal to the autoscaler's group, such as a terminal's
/// Ctrl-C, does not reach it, and it outlives the autoscaler.
pub(crate) fn start(
    command: &[String],
    environment: &BTreeMap<String, String>,
    marker: &str,
    log: &Path,
) -> io::Result<Child> {
    let output = OpenOptions::new().create(true).append(true).open(log)?;
    let (program, arguments) =
        command.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
    Command::new(program)
        .args(arguments)
        .envs(environment)
        .env(MARKER, marker)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .process_group(0)
        .kill_on_drop(false)
        .spawn()
}

/// The kernel's start time of a process, in clock ticks since boot. `None`: there is no such process, or only
/// its exit status is left.
pub(crate) fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, so fields are counted behind the last one.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" { None } else { fields.nth(18)?.parse().ok() }
}

/// Finds the agent with this marker: of all processes that inherited it, the first one.
pub(crate) fn find(marker: &str) -> Option<(u32, u64)> {
    let wanted = format!("{MARKER}={marker}");
    let mut found: Option<(u32, u64)> = None;
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(environment) = fs::read(entry.path().join("environ")) else { continue };
        if environment.split(|&byte| byte == 0).any(|variable| variable == wanted.as_bytes())
            && let Some(ticks) = start_ticks(pid)
            && found.is_none_or(|(first_pid, first)| (ticks, pid) < (first, first_pid))
        {
            found = Some((pid, ticks));
        }
    }
    found
}

/// Sends SIGTERM to exactly the process that was started.
pub(crate) fn terminate(pid: u32, ticks: u64) -> io::Result<()> {
    if start_ticks(pid) != Some(ticks) {
        return Ok(());
    }
    let pid = i32::try_from(pid).map_err(io::Error::other)?;
    match kill(Pid::from_raw(pid), Signal::SIGTERM) {
        Ok(()) | Err(nix::errno::Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Keeps a second autoscaler out of the same state. Released when dropped, and by the kernel at the latest.
#[derive(Debug)]
pub struct Lock(#[allow(dead_code)] File);

/// Takes the lock of a state directory; `None`: somebody else holds it.
pub fn lock(state_dir: &Path) -> io::Result<Option<Lock>> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(state_dir.join("lock"))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    /// What is true a moment after a process was started: it is between `fork` and `exec` for some microseconds.
    fn soon<T>(look: impl Fn() -> Option<T>) -> T {
        let end = Instant::now() + Duration::from_secs(10);
        loop {
            if let Some(seen) = look() {
                return seen;
            }
            assert!(Instant::now() < end, "not within 10 s");
            std::thread::yield_now();
        }
    }

    #[test]
    fn this_process_is_recognised_and_an_ended_one_is_not() {
        assert!(start_ticks(std::process::id()).is_some());
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        assert_eq!(start_ticks(child.id()), None);
    }

    #[tokio::test]
    async fn a_process_is_found_by_its_marker_and_terminated() {
        let folder = tempfile::tempdir().unwrap();
        let marker = format!("marker-{}", std::process::id());
        let command = ["sleep".to_owned(), "600".to_owned()];
        let mut child = start(&command, &BTreeMap::new(), &marker, &folder.path().join("log")).unwrap();
        let pid = child.id().unwrap();
        // The kernel fills in the environment last.
        let (found, ticks) = soon(|| find(&marker));
        assert_eq!((found, Some(ticks)), (pid, start_ticks(pid)));
        terminate(pid, ticks + 1).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "another process's pid is left alone");
        terminate(pid, ticks).unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&child.wait().await.unwrap()), Some(15));
    }

    #[test]
    fn a_state_directory_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let lock_held = lock(folder.path()).unwrap();
        assert!(lock_held.is_some());
        assert!(lock(folder.path()).unwrap().is_none());
        drop(lock_held);
        // A child that another test starts right now has the descriptor, too, until its `exec`.
        soon(|| lock(folder.path()).unwrap());
    }
}
