//! The base: Airflow itself, installed by depcache from a hash-pinned requirements file.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::airflow::Recipe;
use crate::failure::Failure;
use crate::ledger::write_json;
use crate::machine;
use crate::process::Program;
use crate::progress::Progress;
use crate::services::{STORE, s3_environment};
use crate::state::State;

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
    let recipe = state.airflow().recipe();
    let record = state.path(recipe.record);
    let requirements = domain::Digest::of(recipe.requirements.as_bytes());
    let python = machine::python(state).await?;
    if let Some(known) = remembered(&record)
        && known.requirements == requirements
        && known.python == python
        && known.path.join("bin/airflow").is_file()
    {
        let (version, path) = (recipe.version, known.path.display());
        progress.say(&format!("ok  base: Airflow {version} from the last time ({path})"));
        return Ok(known.path);
    }
    let (version, distributions) = (recipe.version, recipe.requirements.matches("==").count());
    let step =
        progress.step(&format!("base: depcache installs Airflow {version} ({distributions} distributions)"));
    let env_id = build(state, &recipe, &python).await?;
    step.note("fetching from the store");
    let path = fetch(state, &python, &env_id).await?;
    write_json(&record, &Installed { requirements, python, path: path.clone() })?;
    step.done(&path.display().to_string());
    Ok(path)
}

fn remembered(record: &Path) -> Option<Installed> {
    serde_json::from_slice(&fs::read(record).ok()?).ok()
}

async fn build(state: &State, recipe: &Recipe, python: &str) -> Result<String, Failure> {
    let wheels = state.path("wheels");
    let text = match recipe.source_only {
        [] => recipe.requirements.to_owned(),
        names => with_wheels(state, recipe.requirements, names, python, &wheels).await?,
    };
    let requirements = state.path("airflow-base.txt");
    fs::write(&requirements, text).map_err(Failure::file("write", &requirements))?;
    let (file, wheels) = (requirements.display().to_string(), wheels.display().to_string());
    let mut args = vec!["build", &file, "--base", "none", "--python", python, "--store", STORE];
    if !recipe.source_only.is_empty() {
        args.extend(["--find-links", &wheels]);
    }
    let output = depcache(state, "base-build", &args)?.output(state).await?;
    let env_id = output.split_whitespace().last().unwrap_or_default().to_owned();
    if env_id.is_empty() {
        return Err(Failure::Answer { program: "depcache build", field: "env id" });
    }
    Ok(env_id)
}

/// Has pip make the wheels of what has source distributions only, checked by their hashes; the requirements with the
/// hashes of these wheels beside them.
async fn with_wheels(
    state: &State,
    requirements: &str,
    names: &[&str],
    python: &str,
    wheels: &Path,
) -> Result<String, Failure> {
    if wheels.exists() {
        fs::remove_dir_all(wheels).map_err(Failure::file("remove", wheels))?;
    }
    let sources = state.path("airflow-sources.txt");
    let text: String = names.iter().filter_map(|name| entry(requirements, name)).collect();
    fs::write(&sources, text).map_err(Failure::file("write", &sources))?;
    let (file, to) = (sources.display().to_string(), wheels.display().to_string());
    let args = ["-m", "pip", "wheel", "--no-deps", "--require-hashes", "-r", &file, "-w", &to];
    Program::new("base-wheels", Path::new(python), &args, machine::environment()).run(state).await?;
    let mut text = requirements.to_owned();
    for name in names {
        let hash = built(wheels, name)?;
        if let Some(entry) = entry(requirements, name) {
            text = text.replace(&entry, &format!("{} \\\n    --hash=sha256:{hash}\n", entry.trim_end()));
        }
    }
    Ok(text)
}

/// The lines of one distribution: its pin and its hashes.
fn entry(requirements: &str, name: &str) -> Option<String> {
    let start = if requirements.starts_with(&format!("{name}==")) {
        0
    } else {
        requirements.find(&format!("\n{name}=="))? + 1
    };
    let mut lines = requirements[start..].split_inclusive('\n');
    let mut entry = lines.next()?.to_owned();
    entry.extend(lines.take_while(|line| line.starts_with(' ')));
    Some(entry)
}

/// The digest of the wheel that was made.
fn built(wheels: &Path, name: &str) -> Result<domain::Digest, Failure> {
    let prefix = format!("{}-", name.replace('-', "_"));
    let files = fs::read_dir(wheels).map_err(Failure::file("list", wheels))?;
    let wheel = files
        .flatten()
        .find(|file| file.file_name().to_string_lossy().starts_with(&prefix))
        .ok_or(Failure::Answer { program: "pip wheel", field: "wheel" })?;
    let bytes = fs::read(wheel.path()).map_err(Failure::file("read", wheel.path()))?;
    Ok(domain::Digest::of(&bytes))
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

#[cfg(test)]
mod tests {
    use super::entry;

    #[test]
    fn an_entry_is_the_pin_with_all_its_hashes() {
        let text = "# of b==1\na-b==1 \\\n    --hash=sha256:00\nb==1 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\nc==2\n";
        assert_eq!(entry(text, "b").unwrap(), "b==1 \\\n    --hash=sha256:01 \\\n    --hash=sha256:02\n");
        assert_eq!(entry(text, "c").unwrap(), "c==2\n");
        assert_eq!(entry(text, "d"), None);
    }
}
