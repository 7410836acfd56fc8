//! A server, a directory, and the program run in it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    server: Child,
    pub(crate) port: u16,
    scheme: &'static str,
    variables: Vec<(String, String)>,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with_tls(tempfile::tempdir().unwrap(), &[])
    }

    /// `tls`: names of the server's certificate and key in `dir`, and of the authority of its clients.
    pub(crate) fn with_tls(dir: tempfile::TempDir, tls: &[&str]) -> Self {
        let mut server = Command::new("python3")
            .arg("-c")
            .arg(include_str!("server.py"))
            .arg(dir.path().join("log"))
            .args(tls.iter().map(|name| dir.path().join(name)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().parse().unwrap();
        let scheme = if tls.is_empty() { "http" } else { "https" };
        Self { dir, server, port, scheme, variables: Vec::new() }
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// The index of this behaviour.
    pub(crate) fn index(&self, kind: &str) -> String {
        format!("{}://localhost:{}/{kind}/simple", self.scheme, self.port)
    }

    /// Locks `alpha` with these options.
    pub(crate) fn lock(&self, options: &[&str]) -> Ran {
        self.lock_lines("alpha\n", options)
    }

    pub(crate) fn lock_lines(&self, lines: &str, options: &[&str]) -> Ran {
        self.lock_at_once(lines, options, 1).remove(0)
    }

    /// The same in several processes at the same time.
    pub(crate) fn lock_at_once(&self, lines: &str, options: &[&str], processes: usize) -> Vec<Ran> {
        std::fs::write(self.path("requirements.txt"), lines).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_depcache"));
        command
            .args(["lock", "requirements.txt", "--base", "none"])
            .args(options)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("UPDRAFT_CACHE_DIR", self.path("cache"))
            .envs(self.variables.iter().cloned())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let started: Vec<_> = (0..processes).map(|_| command.spawn().unwrap()).collect();
        let ended = started.into_iter().map(|child| {
            let output = child.wait_with_output().unwrap();
            Ran {
                code: output.status.code().unwrap_or(-1),
                stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
                stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            }
        });
        ended.collect()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What the server was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.path("log")).unwrap_or_default();
        std::fs::write(self.path("log"), "").unwrap();
        log.lines().map(ToOwned::to_owned).collect()
    }
}

impl Ran {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}", self.stderr);
        self
    }

    /// Failed with this code and these words.
    #[track_caller]
    pub(crate) fn failed(self, code: i32, words: &str) {
        assert!(self.code == code && self.stderr.contains(words), "exit {}: {}", self.code, self.stderr);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // It serves until its input ends.
        drop(self.server.stdin.take());
        self.server.wait().unwrap();
    }
}
