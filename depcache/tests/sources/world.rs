//! An index with source distributions, a cache and a store for one test, and `depcache` run in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::index_server::IndexServer;
use crate::sdist::{Files, tar_gz};

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) index: IndexServer,
    variables: Vec<(String, String)>,
    /// Ask the machine's index, too.
    pub(crate) with_machines_index: bool,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{}{}", self.stdout, self.stderr);
        self
    }

    /// Times a wheel was built.
    pub(crate) fn builds(&self) -> usize {
        self.stderr.lines().filter(|line| line.starts_with("build ")).count()
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let world =
            Self { dir, index: IndexServer::start(), variables: Vec::new(), with_machines_index: false };
        std::fs::create_dir(world.path("home")).unwrap();
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.into(), value.into()));
    }

    /// Offers a tree as source distribution.
    pub(crate) fn sdist(&self, name: &str, version: &str, files: &Files) {
        let filename = format!("{name}-{version}.tar.gz");
        self.index.add_bytes(name, &filename, tar_gz(name, version, files), None);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_depcache"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("UPDRAFT_CACHE_DIR", self.path("cache"))
            .env("UPDRAFT_STORE", format!("file://{}", self.path("store").display()));
        if self.with_machines_index {
            command.args(["--extra-index-url", &self.index.url()]);
        } else {
            command.env("UPDRAFT_INDEX_URL", self.index.url());
        }
        command.envs(self.variables.iter().cloned());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.told(&self.command(arguments).output().unwrap())
    }

    pub(crate) fn lock(&self, requirements: &str, more: &[&str]) -> Ran {
        std::fs::write(self.path("requirements.txt"), requirements).unwrap();
        self.run(&[&["lock", "requirements.txt", "--base", "none"], more].concat())
    }

    /// Builds for the bare interpreter; standard output is the environment's path.
    pub(crate) fn fetch(&self, requirements: &str, more: &[&str]) -> Ran {
        std::fs::write(self.path("requirements.txt"), requirements).unwrap();
        let volume = self.path("volume");
        let arguments = ["fetch", "requirements.txt", "--base", "none", "--to", volume.to_str().unwrap()];
        self.run(&[&arguments, more].concat())
    }

    /// What a program says in the environment that `ran` gave.
    pub(crate) fn python(&self, ran: &Ran, program: &str) -> String {
        let python = Path::new(ran.stdout.trim()).join("bin/python");
        let output = Command::new(python).args(["-I", "-c", program]).output().unwrap();
        let said = self.told(&output);
        assert_eq!(said.code, 0, "{}", said.stderr);
        said.stdout.trim().to_owned()
    }

    pub(crate) fn told(&self, output: &Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: self.stable(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Text without what differs from run to run.
    fn stable(&self, text: &str) -> String {
        let text = text
            .replace(&self.cache().display().to_string(), "[CACHE]")
            .replace(&self.dir.path().display().to_string(), "[DIR]")
            .replace(&format!(":{}", self.index.port()), ":[PORT]");
        let timed = |line: &str| line.ends_with(" s)") || line.ends_with(" ms)");
        let cut = |line: &str| {
            let end = if timed(line) { line.rfind(" (").unwrap_or(line.len()) } else { line.len() };
            line[..end].to_owned()
        };
        text.lines().map(cut).collect::<Vec<_>>().join("\n")
    }

    /// The cache's directory of this format.
    pub(crate) fn cache(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.path("cache")).into_iter().flatten().flatten();
        let is_format = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with('v'))
        };
        entries.map(|entry| entry.path()).find(is_format).unwrap_or_else(|| self.path("cache/v"))
    }

    /// Names of wheels that the cache holds as built.
    pub(crate) fn built_wheels(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut open = vec![self.cache().join("built")];
        while let Some(dir) = open.pop() {
            for entry in std::fs::read_dir(&dir).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else if path.extension().is_some_and(|extension| extension == "whl") {
                    found.push(path.file_name().unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        found
    }
}
