//! What the tests of the whole program share.

#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "each test uses some of it; a failed step is a failed test"
)]

pub mod publish;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Generous: the machine may be compiling beside the tests.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// Looks until `look` answers something.
pub fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < DEADLINE, "waited {} s for: {what}", DEADLINE.as_secs());
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A running agent with its own folder; ended when dropped.
pub struct Agent {
    pub dir: PathBuf,
    pub child: Child,
}

impl Agent {
    /// `updraft-agent <arguments> -- <command>` below `dir`, without this process's Airflow and Updraft variables.
    pub fn start(dir: &Path, arguments: &[&str], command: &[&str]) -> Self {
        let log = fs::OpenOptions::new().create(true).append(true).open(dir.join("agent.log")).unwrap();
        let mut agent = agent();
        agent.args(arguments);
        if !command.is_empty() {
            agent.arg("--").args(command);
        }
        agent.env("UPDRAFT_VOLUME", dir.join("volume"));
        let child = agent.current_dir(dir).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { dir: dir.to_owned(), child }
    }

    /// `worker` with a socket.
    pub fn worker(dir: &Path, arguments: &[&str], command: &[&str]) -> Self {
        Self::start(dir, &[&["worker", "--socket", "agent.sock"], arguments].concat(), command)
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.child.id()).unwrap()), signal).unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.dir.join("agent.log")).unwrap()
    }

    /// Waits for its end.
    pub fn ended(&mut self) -> ExitStatus {
        wait("the agent ends", || self.child.try_wait().unwrap())
    }

    /// A request on its socket: status code and body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
        let mut stream = wait("the socket is open", || UnixStream::connect(self.dir.join("agent.sock")).ok());
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let code = head.split(' ').nth(1).unwrap().parse().unwrap();
        (code, serde_json::from_str(body).unwrap())
    }

    /// Waits until the worker is in `state`.
    pub fn reaches(&self, state: &str) -> serde_json::Value {
        wait(&format!("the worker is {state}"), || {
            let (_, status) = self.ask("GET", "/v1/worker", "");
            (status["state"] == state).then_some(status)
        })
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // The worker is in a process group of its own and outlives a killed agent; end it by its pid.
        let mut below = children(self.child.id());
        let record = fs::read(self.dir.join("agent.sock.worker.json")).unwrap_or_default();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap_or_default();
        if let Some(pid) = record["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok()) {
            below.extend(children(pid));
            below.push(pid.cast_signed());
        }
        drop(self.child.kill());
        drop(self.child.wait());
        for pid in below {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        if std::thread::panicking() {
            eprintln!("--- agent.log\n{}", self.log());
        }
    }
}

/// The program, without the variables that configure it.
pub fn agent() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft-agent"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("UPDRAFT_") || name.to_string_lossy().starts_with("AIRFLOW") {
            command.env_remove(name);
        }
    }
    command
}

/// Everything below a process, by parent.
pub fn children(of: u32) -> Vec<i32> {
    let mut found = vec![i32::try_from(of).unwrap()];
    let mut index = 0;
    while index < found.len() {
        let tasks = format!("/proc/{}/task", found[index]);
        for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
            let text = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            found.extend(text.split_whitespace().map(|pid| pid.parse::<i32>().unwrap()));
        }
        index += 1;
    }
    found.split_off(1)
}

/// An executable script.
pub fn script(dir: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = dir.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}
