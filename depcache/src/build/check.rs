//! The import check: the candidate is composed as a reader would, and every requested package is imported by its
//! own interpreter, in a process without secrets.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use domain::environment::{ImportCheck, Manifest};
use domain::EnvId;
use serde::Deserialize;
use tokio::process::Command;

use super::{BuildError, Context, ImportFailure};
use crate::environment::fetch;

const SCRIPT: &str = include_str!("imports.py");
/// Airflow with all its requirements imports in 20 s on a busy small machine.
const TIMEOUT: Duration = Duration::from_secs(300);

/// What the check found; everything imported.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) imports: Vec<ImportCheck>,
}

#[derive(Deserialize)]
struct Answer {
    name: String,
    modules: Vec<String>,
    error: Option<String>,
    culprit: Option<String>,
    took_ms: u64,
}

/// Composes the environment on `volume` and imports what was requested.
pub(super) async fn imports(
    context: &Context,
    env_id: EnvId,
    manifest: &Manifest,
    volume: &Path,
) -> Result<Checked, BuildError> {
    let fetched = fetch(&context.store, env_id, &context.session.base, volume)
        .await
        .map_err(BuildError::Environment)?;
    let python = fetched.path.join("bin/python");
    let disk = |source| BuildError::Disk { path: python.clone(), source };
    let home = tempfile::tempdir().map_err(disk)?;
    let running = Command::new(&python)
        .args(["-I", "-c", SCRIPT])
        .args(&manifest.requested)
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("HOME", home.path())
        .env("AIRFLOW_HOME", home.path())
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(TIMEOUT, running).await {
        Ok(output) => output.map_err(disk)?,
        Err(_) => return Err(BuildError::VerifyTimedOut { timeout_s: TIMEOUT.as_secs() }),
    };
    let answers: Vec<Answer> = serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        BuildError::VerifyDied { said: said.lines().last().unwrap_or_default().to_owned() }
    })?;
    let failures: Vec<ImportFailure> = answers
        .iter()
        .filter_map(|answer| {
            let (name, culprit) = (answer.name.clone(), answer.culprit.clone());
            answer.error.clone().map(|error| ImportFailure { name, error, culprit })
        })
        .collect();
    if !failures.is_empty() {
        return Err(BuildError::Imports { failures, proposal: None });
    }
    let imports = answers.into_iter().map(|answer| ImportCheck {
        name: answer.name,
        modules: answer.modules,
        error: answer.error,
        took_ms: answer.took_ms,
    });
    Ok(Checked { imports: imports.collect() })
}
