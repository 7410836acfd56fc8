//! An environment from S3, cold and warm, beside `uv pip install` of the same packages, in turns in one run.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::Manifest;
use serde_json::{Value, json};

use super::summary;
use crate::base;
use crate::demo::Watch;
use crate::failure::Failure;
use crate::machine;
use crate::process::Program;
use crate::progress::Progress;
use crate::services::STORE;
use crate::state::State;

/// The four things that are timed.
#[derive(Default)]
struct Samples {
    fetch_cold: Vec<Duration>,
    fetch_warm: Vec<Duration>,
    uv_cold: Vec<Duration>,
    uv_warm: Vec<Duration>,
}

pub(super) async fn measure(state: &State, progress: &Progress, rounds: u32) -> Result<Value, Failure> {
    let base = base::ready(state, progress).await?;
    let manifest = current(state, &base).await?;
    let folder = state.path("measure");
    let pins = folder.join("pins.txt");
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    let lines: Vec<_> = manifest.layers.iter().map(|l| format!("{}=={}", l.name, l.version)).collect();
    fs::write(&pins, lines.join("\n")).map_err(Failure::file("write", &pins))?;
    let uv = install_uv(state, &folder).await?;
    let env_id = manifest.id().map_err(|_| Failure::Answer { program: "the store", field: "manifest" })?;
    let bench = Bench { state, base: &base, env_id: env_id.to_string(), folder: &folder, uv: &uv };
    let mut samples = Samples::default();
    for round in 1..=rounds {
        let step = progress.step(&format!("round {round} of {rounds}"));
        // Cold: nothing of it on this machine. Warm: layers unpacked, wheels in uv's cache.
        samples.fetch_cold.push(bench.fetch(true).await?);
        samples.uv_cold.push(bench.install(true).await?);
        samples.fetch_warm.push(bench.fetch(false).await?);
        samples.uv_warm.push(bench.install(false).await?);
        step.done("");
    }
    let ratio = |peer: &[Duration], ours: &[Duration]| {
        let median = |samples: &[Duration]| {
            let mut sorted = samples.to_vec();
            sorted.sort_unstable();
            sorted.get(sorted.len() / 2).map_or(0.0, Duration::as_secs_f64)
        };
        format!("{:.1}", median(peer) / median(ours).max(0.001))
    };
    Ok(json!({
        "what": "an environment made usable: depcache fetch from S3 beside uv pip install from the index",
        "command": format!("updraft-local measure environment --rounds {rounds}"),
        "environment": env_id,
        "layers": manifest.layers.len(),
        "files": manifest.layers.iter().map(|layer| layer.files).sum::<u64>(),
        "size_bytes": manifest.layers.iter().map(|layer| layer.tar_size).sum::<u64>(),
        "depcache_fetch": {"cold": summary(&samples.fetch_cold), "warm": summary(&samples.fetch_warm)},
        "uv_pip_install": {"cold": summary(&samples.uv_cold), "warm": summary(&samples.uv_warm)},
        "uv_time_over_ours": {
            "cold": ratio(&samples.uv_cold, &samples.fetch_cold),
            "warm": ratio(&samples.uv_warm, &samples.fetch_warm),
        },
        "not_alike": "depcache's layers hold compiled bytecode and lie in S3 on this machine; uv compiles none and \
                      reads the package index over the network",
    }))
}

struct Bench<'a> {
    state: &'a State,
    base: &'a Path,
    env_id: String,
    folder: &'a Path,
    uv: &'a Path,
}

impl Bench<'_> {
    async fn fetch(&self, cold: bool) -> Result<Duration, Failure> {
        let volume = self.folder.join("volume");
        remove(if cold { volume.clone() } else { volume.join("envs") })?;
        let (to, python) = (volume.display().to_string(), self.base.join("bin/python").display().to_string());
        let args = ["fetch", &self.env_id, "--to", &to, "--base", &python, "--store", STORE];
        let program = base::depcache(self.state, "measure-fetch", &args)?;
        timed(self.state, program).await
    }

    async fn install(&self, cold: bool) -> Result<Duration, Failure> {
        let (target, cache) = (self.folder.join("uv-target"), self.folder.join("uv-cache"));
        remove(target.clone())?;
        if cold {
            remove(cache.clone())?;
        }
        let text = |path: &Path| path.display().to_string();
        let (python, pins) = (text(&self.base.join("bin/python")), text(&self.folder.join("pins.txt")));
        let (target, cache) = (text(&target), text(&cache));
        let args = [
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--python",
            &python,
            "--cache-dir",
            &cache,
            "--target",
            &target,
            "-r",
            &pins,
        ];
        timed(self.state, Program::new("measure-uv", self.uv, &args, machine::environment())).await
    }
}

async fn timed(state: &State, program: Program) -> Result<Duration, Failure> {
    let started = Instant::now();
    program.run(state).await?;
    Ok(started.elapsed())
}

fn remove(path: std::path::PathBuf) -> Result<(), Failure> {
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// The manifest of the current publication's environment.
async fn current(state: &State, base: &Path) -> Result<Manifest, Failure> {
    let nothing =
        || Failure::Answer { program: "the store", field: "a current publication with an environment" };
    let watch = Watch::new(state, base).await?;
    let publication = watch.current_publication().await?.ok_or_else(nothing)?;
    let environment = publication.environments.first().ok_or_else(nothing)?;
    let key = domain::keys::environment(environment.env_id);
    let object = watch.store.get(&key).await?.ok_or_else(nothing)?;
    serde_json::from_slice(&object.bytes).map_err(|source| Failure::Record { path: key.into(), source })
}

/// uv, in a venv of its own; from the package index.
async fn install_uv(state: &State, folder: &Path) -> Result<std::path::PathBuf, Failure> {
    let venv = folder.join("uv");
    let uv = venv.join("bin/uv");
    if !uv.is_file() {
        let python = machine::python(state).await?;
        let target = venv.display().to_string();
        let path = Path::new(&python);
        Program::new("measure-venv", path, &["-m", "venv", &target], machine::environment())
            .run(state)
            .await?;
        let pip = venv.join("bin/pip");
        Program::new("measure-uv", &pip, &["install", "--quiet", "uv"], machine::environment())
            .run(state)
            .await?;
    }
    Ok(uv)
}
