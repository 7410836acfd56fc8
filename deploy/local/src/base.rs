//! The base: Airflow itself, installed by depcache from a hash-pinned requirements file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::ledger::write_json;
use crate::machine;
use crate::process::Program;
use crate::progress::Progress;
use crate::services::{STORE, s3_environment};
use crate::state::State;

/// Exact versions and hashes; no addresses.
const REQUIREMENTS: &str = include_str!("../airflow-3.3.2-py3.11.txt");

/// The installed base, remembered so that a second bring-up asks nobody.
#[derive(Debug, Serialize, Deserialize)]
struct Installed {
    requirements: domain::Digest,
    python: String,
    path: PathBuf,
}

/// The part of `depcache fetch --format json` that is read here.
#[derive(Debug, Deserialize)]
struct Fetched {
    path: PathBuf,
}

/// Makes the base ready: given, remembered, or built into the store and fetched from there. Answers its prefix.
pub(crate) async fn ready(state: &State, progress: &Progress) -> Result<PathBuf, Failure> {
    if let Some(given) = state.given_base() {
        return Ok(given.to_owned());
    }
    let record = state.path("base.json");
    let requirements = domain::Digest::of(REQUIREMENTS.as_bytes());
    let python = machine::python(state).await?;
    if let Some(known) = remembered(&record)
        && known.requirements == requirements
        && known.python == python
        && known.path.join("bin/airflow").is_file()
    {
        progress.say(&format!("ok  base: Airflow from the last time ({})", known.path.display()));
        return Ok(known.path);
    }
    let distributions = REQUIREMENTS.matches("==").count();
    let step = progress.step(&format!("base: depcache installs Airflow ({distributions} distributions)"));
    let env_id = build(state, &python).await?;
    step.note("fetching from the store");
    let path = fetch(state, &python, &env_id).await?;
    write_json(&record, &Installed { requirements, python, path: path.clone() })?;
    step.done(&path.display().to_string());
    Ok(path)
}

fn remembered(record: &Path) -> Option<Installed> {
    serde_json::from_slice(&fs::read(record).ok()?).ok()
}

async fn build(state: &State, python: &str) -> Result<String, Failure> {
    let requirements = state.path("airflow-base.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(Failure::file("write", &requirements))?;
    let file = requirements.display().to_string();
    let args = ["build", &file, "--base", "none", "--python", python, "--store", STORE];
    let output = depcache(state, "base-build", &args)?.output(state).await?;
    let env_id = output.split_whitespace().last().unwrap_or_default().to_owned();
    if env_id.is_empty() {
        return Err(Failure::Answer { program: "depcache build", field: "env id" });
    }
    Ok(env_id)
}

async fn fetch(state: &State, python: &str, env_id: &str) -> Result<PathBuf, Failure> {
    let to = state.path("base").display().to_string();
    let args = [
        "fetch", env_id, "--to", &to, "--base", "none", "--python", python, "--store", STORE, "--format",
        "json",
    ];
    let output = depcache(state, "base-fetch", &args)?.output(state).await?;
    let fetched: Fetched = serde_json::from_str(&output)
        .map_err(|_| Failure::Answer { program: "depcache fetch", field: "path" })?;
    Ok(fetched.path)
}

/// A command of depcache, with the store's credentials and the machine's index settings.
pub(crate) fn depcache(state: &State, name: &str, args: &[&str]) -> Result<Program, Failure> {
    let mut env = machine::environment();
    env.extend(s3_environment(state));
    env.insert("UPDRAFT_STORE".to_owned(), STORE.to_owned());
    env.insert("UPDRAFT_CACHE_DIR".to_owned(), state.path("cache").display().to_string());
    Ok(Program::new(name, &machine::sibling("depcache")?, args, env))
}
