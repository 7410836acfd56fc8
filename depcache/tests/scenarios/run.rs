//! One scenario through a program: `depcache lock`, and `uv pip compile` as a peer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use domain::{Base, BaseRecord, Distribution, Interpreter};
use serde_json::Value;

use crate::index::Index;
use crate::schema::Scenario;

/// Python of scenarios that name none, as for uv's authors.
const USUAL_PYTHON: &str = "3.12";

/// Scenarios of one test: a server, a cache and a folder for each scenario.
pub(crate) struct Bench {
    pub(crate) index: Index,
    dir: tempfile::TempDir,
}

/// What a program answered.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self { index: Index::start(), dir: tempfile::tempdir().unwrap() }
    }

    /// Serves the scenario's packages and writes its files. Answers its folder.
    pub(crate) fn prepare(&self, name: &str, scenario: &Scenario) -> PathBuf {
        let folder = self.dir.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let mut digests = self.index.add(name, &scenario.packages);
        digests.extend(self.index.add(&format!("{name}/extra"), &scenario.extra_index));
        let options = &scenario.resolver_options;
        let mut lines = scenario.root.requires.clone();
        lines.extend(options.no_build.iter().map(|package| format!("--only-binary {package}")));
        lines.extend(options.no_binary.iter().map(|package| format!("--no-binary {package}")));
        // `{sha256 of FILE}` stands for the digest of a served file.
        let filled = |text: &str| {
            digests.iter().fold(text.to_owned(), |text, (file, digest)| {
                text.replace(&format!("{{sha256 of {file}}}"), &digest.hex())
            })
        };
        std::fs::write(folder.join("requirements.txt"), filled(&(lines.join("\n") + "\n"))).unwrap();
        for (file, text) in &scenario.files {
            std::fs::write(folder.join(file), filled(text)).unwrap();
        }
        let installed = &scenario.base.distributions;
        if !installed.is_empty() {
            let pins: String = installed
                .iter()
                .flat_map(|one| [one.name.as_str(), "==", one.version.as_str(), "\n"])
                .collect();
            std::fs::write(folder.join("base.txt"), pins).unwrap();
        }
        Self::set_base(&folder, scenario);
        folder
    }

    /// Writes the base of a scenario, which may have changed.
    pub(crate) fn set_base(folder: &Path, scenario: &Scenario) {
        let record = serde_json::to_vec(&record(scenario)).unwrap();
        std::fs::write(folder.join("base.json"), record).unwrap();
    }

    /// `depcache lock` of a prepared scenario, answer as JSON.
    pub(crate) fn lock(&self, name: &str, folder: &Path, scenario: &Scenario, more: &[&str]) -> Ran {
        let options = &scenario.resolver_options;
        let mut command = Command::new(env!("CARGO_BIN_EXE_depcache"));
        command.args(["lock", "requirements.txt", "--base", "base.json", "--format", "json"]);
        command.args(target(scenario));
        if options.prereleases {
            command.args(["--prerelease", "allow"]);
        }
        if !scenario.extra_index.is_empty() {
            command.args(["--extra-index-url", &self.index.url(&format!("{name}/extra"))]);
        }
        command.args(&options.arguments).args(more);
        command.env("UPDRAFT_INDEX_URL", self.index.url(name));
        command.env("UPDRAFT_CACHE_DIR", self.dir.path().join("cache"));
        self.run(command, folder)
    }

    /// `uv pip compile` of the same, where it can be said to uv.
    pub(crate) fn uv(&self, uv: &Path, name: &str, folder: &Path, scenario: &Scenario) -> Ran {
        let mut command = Command::new(uv);
        command.args(["pip", "compile", "requirements.txt", "--no-header", "--no-annotate", "--no-config"]);
        command.args(target(scenario));
        if scenario.resolver_options.prereleases {
            command.args(["--prerelease", "allow"]);
        }
        command.args(["--default-index", &self.index.url(name)]);
        // What it can be told of a base, as Airflow's documentation tells people: pins as constraints.
        if folder.join("base.txt").is_file() {
            command.args(["-c", "base.txt"]);
        }
        let mut arguments = scenario.resolver_options.arguments.iter();
        while let Some(argument) = arguments.next() {
            if argument == "--exclude-newer" {
                command.arg(argument).args(arguments.next());
            }
        }
        command.env("UV_CACHE_DIR", self.dir.path().join("uv-cache"));
        // It would look for the target's Python on the network.
        command.env("UV_PYTHON_DOWNLOADS", "never");
        self.run(command, folder)
    }

    fn run(&self, mut command: Command, folder: &Path) -> Ran {
        let variables: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command
            .current_dir(folder)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.dir.path())
            .envs(variables);
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr).replace(&format!(":{}", self.index.port()), ":[PORT]"),
        }
    }
}

fn target(scenario: &Scenario) -> Vec<String> {
    let options = &scenario.resolver_options;
    let python = options.python.as_ref().or(scenario.environment.python.as_ref());
    let has_base = !scenario.base.distributions.is_empty();
    let usual = (!has_base).then_some(USUAL_PYTHON);
    let mut arguments = Vec::new();
    if let Some(python) = python.map(String::as_str).or(usual) {
        arguments.extend(["--python-version".to_owned(), python.to_owned()]);
    }
    if let Some(platform) = &options.python_platform {
        arguments.extend(["--python-platform".to_owned(), platform.clone()]);
    }
    arguments
}

/// Versions by name out of our JSON answer.
pub(crate) fn pins(document: &Value) -> BTreeMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let packages = document["packages"].as_array().into_iter().flatten();
    packages.map(|one| (text(&one["name"]), text(&one["version"]))).collect()
}

/// Versions by name out of uv's requirements.
pub(crate) fn pins_of_uv(stdout: &str) -> BTreeMap<String, String> {
    let lines = stdout.lines().filter_map(|line| line.split_once("=="));
    let version = |rest: &str| rest.split_whitespace().next().unwrap_or_default().to_owned();
    lines.map(|(name, rest)| (name.split('[').next().unwrap_or(name).to_owned(), version(rest))).collect()
}

/// CPython 3.11.7 on Debian 12 with what the scenario's base has.
fn record(scenario: &Scenario) -> BaseRecord {
    let tags = ["cp311-cp311", "cp311-abi3", "cp311-none", "py311-none", "py3-none"];
    let platforms: Vec<String> = (5..=36).rev().map(|minor| format!("manylinux_2_{minor}_x86_64")).collect();
    let tags = tags.iter().flat_map(|tag| platforms.iter().map(move |platform| format!("{tag}-{platform}")));
    let markers = [
        ("implementation_name", "cpython"),
        ("implementation_version", "3.11.7"),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
        ("platform_python_implementation", "CPython"),
        ("platform_system", "Linux"),
        ("python_full_version", "3.11.7"),
        ("python_version", "3.11"),
        ("sys_platform", "linux"),
    ];
    let installed = scenario.base.distributions.iter().map(|one| Distribution {
        name: one.name.clone(),
        version: one.version.clone(),
        site_dir: "/base/site-packages".into(),
        requires: one.requires.clone(),
        extras: one.extras.clone(),
    });
    BaseRecord {
        schema: domain::base::SCHEMA,
        base: Base {
            schema: domain::base::SCHEMA,
            interpreter: Interpreter {
                implementation: "cpython".into(),
                version: "3.11.7".into(),
                abi: "cp311".into(),
                magic: 3495,
                prefix: "/base".into(),
                executable: "/base/bin/python".into(),
                platform: "linux_x86_64".into(),
            },
            markers: markers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            tags: tags.chain(["py311-none-any".into(), "py3-none-any".into()]).collect(),
            glibc: Some((2, 36)),
            site_dirs: vec!["/base/site-packages".into()],
            distributions: installed.collect(),
        },
        loaded: scenario.base.loaded.clone(),
        last_seen: "2026-11-23".into(),
    }
}
