//! A directory, a store and an index for one test, and `depcache` run in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::index_server::{IndexServer, Wheel};

pub(crate) struct World {
    dir: tempfile::TempDir,
    pub(crate) index: IndexServer,
    variables: Vec<(String, String)>,
    store: String,
}

pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = format!("file://{}/store", dir.path().display());
        Self { dir, index: IndexServer::start(), variables: Vec::new(), store }
    }

    /// `alpha` needs `beta`; both import.
    pub(crate) fn with_packages() -> Self {
        let world = Self::new();
        world.index.add(&Wheel {
            name: "alpha",
            version: "1.0",
            requires: &["beta>=1"],
            code: "import beta",
        });
        world.index.add(&Wheel { name: "beta", version: "1.0", requires: &[], code: "VALUE = 1" });
        world
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    pub(crate) fn use_store(&mut self, store: &str) {
        store.clone_into(&mut self.store);
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    /// Builds `requirements` for the bare interpreter.
    pub(crate) fn build(&self, requirements: &str) -> Ran {
        self.write("requirements.txt", requirements);
        self.run(&["build", "requirements.txt", "--base", "none"])
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_depcache"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .env("UPDRAFT_INDEX_URL", self.index.url())
            .env("UPDRAFT_CACHE_DIR", self.path("cache"))
            .env("UPDRAFT_STORE", &self.store)
            .envs(self.variables.iter().cloned());
        let output = command.output().unwrap();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: self.stable(&String::from_utf8_lossy(&output.stderr)),
        }
    }

    /// Text without what differs from run to run.
    fn stable(&self, text: &str) -> String {
        let text = text
            .replace(&self.dir.path().display().to_string(), "[DIR]")
            .replace(&format!(":{}", self.index.port()), ":[PORT]");
        let mut out = String::new();
        for line in text.lines() {
            let timed = line.ends_with(" s)") || line.ends_with(" ms)");
            let cut = if timed { line.rfind(" (").unwrap_or(line.len()) } else { line.len() };
            // Words of the SDK after its error code; they hold request ids.
            let cut = line.find("(SignatureDoesNotMatch)").unwrap_or(cut);
            out.push_str(&without_digests(&line[..cut]));
            out.push('\n');
        }
        out
    }

    /// Keys in the directory store.
    pub(crate) fn stored(&self) -> Vec<String> {
        let root = self.path("store");
        let mut keys = Vec::new();
        collect(&root, &root, &mut keys);
        keys.sort();
        keys
    }

    /// Nothing that anybody could take for an environment is there.
    pub(crate) fn assert_nothing_published(&self) {
        let names = ["v1/aliases/", "v1/envs/", "v1/locks/"];
        let found: Vec<_> =
            self.stored().into_iter().filter(|key| names.iter().any(|name| key.starts_with(name))).collect();
        assert!(found.is_empty(), "published: {found:?}");
    }
}

fn collect(root: &Path, dir: &Path, keys: &mut Vec<String>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, keys);
        } else {
            keys.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

/// Digests depend on the machine's interpreter and on ports.
pub(crate) fn without_digests(text: &str) -> String {
    let mut out = String::new();
    let mut run = String::new();
    for character in text.chars().chain(['\n']) {
        if character.is_ascii_hexdigit() {
            run.push(character);
            continue;
        }
        out.push_str(if run.len() == 64 { "[DIGEST]" } else { &run });
        run.clear();
        out.push(character);
    }
    out.pop();
    out
}
