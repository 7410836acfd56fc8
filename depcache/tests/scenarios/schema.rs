//! Scenarios as TOML: the schema of uv's authors (packse), and what ours have beside it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub(crate) type Packages = BTreeMap<String, Package>;

#[derive(Deserialize)]
pub(crate) struct Scenario {
    pub(crate) root: Root,
    #[serde(default)]
    pub(crate) packages: Packages,
    #[serde(default)]
    pub(crate) resolver_options: Options,
    #[serde(default)]
    pub(crate) environment: Environment,
    pub(crate) expected: Expected,
    /// Ours: packages of a second index, given as `--extra-index-url`.
    #[serde(default)]
    pub(crate) extra_index: Packages,
    /// Ours: the base; without one nothing is installed.
    #[serde(default)]
    pub(crate) base: Base,
    /// Ours: files beside requirements.txt, by name.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(crate) struct Root {
    pub(crate) requires: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Package {
    pub(crate) versions: BTreeMap<String, Release>,
}

#[derive(Deserialize)]
pub(crate) struct Release {
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    #[serde(default)]
    pub(crate) extras: BTreeMap<String, Vec<String>>,
    pub(crate) requires_python: Option<String>,
    #[serde(default)]
    pub(crate) yanked: bool,
    #[serde(default = "yes")]
    pub(crate) sdist: bool,
    #[serde(default = "yes")]
    pub(crate) wheel: bool,
    #[serde(default)]
    pub(crate) wheel_tags: Vec<String>,
    /// Ours: day of the upload.
    #[serde(default = "usual_upload")]
    pub(crate) uploaded: String,
}

const fn yes() -> bool {
    true
}

/// The day on which uv's own server says everything was uploaded.
fn usual_upload() -> String {
    "2024-03-24".into()
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Options {
    pub(crate) python: Option<String>,
    pub(crate) python_platform: Option<String>,
    pub(crate) prereleases: bool,
    pub(crate) no_binary: Vec<String>,
    pub(crate) no_build: Vec<String>,
    /// Ours: arguments of `depcache lock`.
    pub(crate) arguments: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Environment {
    pub(crate) python: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Base {
    pub(crate) distributions: Vec<Distribution>,
    pub(crate) loaded: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Distribution {
    pub(crate) name: String,
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) requires: Vec<String>,
    #[serde(default)]
    pub(crate) extras: Vec<String>,
}

#[derive(Deserialize)]
pub(crate) struct Expected {
    pub(crate) satisfiable: bool,
    /// All packages; empty: any.
    #[serde(default)]
    pub(crate) packages: BTreeMap<String, String>,
    /// Ours: nothing at all is installed.
    #[serde(default)]
    pub(crate) nothing: bool,
    /// Ours: `task` or `process`.
    pub(crate) mode: Option<String>,
    /// Ours: kept distributions of the base that must be named.
    #[serde(default)]
    pub(crate) kept: BTreeMap<String, String>,
    /// Ours: names of replaced distributions, all of them.
    pub(crate) shadows: Option<Vec<String>>,
    /// Ours: texts that standard error must hold.
    #[serde(default)]
    pub(crate) says: Vec<String>,
}

/// All scenarios below a folder, by their path, sorted.
pub(crate) fn below(folder: &Path) -> Vec<(String, Scenario)> {
    let mut paths = Vec::new();
    collect(folder, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| {
        let text = std::fs::read_to_string(path).unwrap();
        let scenario = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        (path.file_stem().unwrap().to_string_lossy().into_owned(), scenario)
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
}
