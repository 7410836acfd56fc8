use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use domain::{Base, BaseRecord, Distribution, Interpreter};
use serde::Deserialize;

use super::tags::{TagFacts, abi, supported};
use super::{BaseError, remembered};
use crate::index::Cache;

const PROBE: &str = include_str!("probe.py");
const LOADED: &str = include_str!("loaded.py");
/// Reading the metadata of 300 distributions takes below a second.
const PROBE_TIMEOUT_S: u64 = 60;
/// Importing Airflow cold takes up to ten seconds on a small machine.
const LOADED_TIMEOUT_S: u64 = 180;
/// How often a running interpreter is looked at.
const POLL: Duration = Duration::from_millis(10);
/// Bytes of output that are read; the largest description seen has 400 kB.
const OUTPUT_LIMIT_BYTES: u64 = 64 << 20;

#[derive(Deserialize)]
struct Probe {
    implementation: String,
    version: String,
    python: (u32, u32),
    abi_flags: String,
    free_threaded: bool,
    magic: u32,
    prefix: String,
    executable: String,
    platform: String,
    glibc: Option<(u32, u32)>,
    musl: Option<(u32, u32)>,
    site_dirs: Vec<String>,
    distributions: Vec<Distribution>,
    markers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Loaded {
    loaded: Vec<String>,
    failed: BTreeMap<String, String>,
}

/// Describes the base of `python` (a path, or a name on `PATH`). Blocking, some seconds where Airflow is installed.
pub fn describe(python: &str) -> Result<BaseRecord, BaseError> {
    let python = resolve_interpreter(python)?;
    let base = probe(&python)?;
    let loaded = loaded_if_airflow(&python, &base)?;
    Ok(record(base, loaded))
}

/// [`describe`], remembering what the interpreter said while nothing changes, and by base id what is loaded: only the
/// first call starts an interpreter and imports Airflow.
pub fn describe_cached(python: &str, cache: &Cache) -> Result<BaseRecord, BaseError> {
    let python = resolve_interpreter(python)?;
    let base = probe_cached(&python, cache)?;
    let Ok(id) = base.id() else { return describe(&base.interpreter.executable) };
    if let Some(names) = cache.loaded(id) {
        return Ok(record(base, names));
    }
    let loaded = loaded_if_airflow(&python, &base)?;
    if let Err(error) = cache.put_loaded(id, &loaded) {
        tracing::debug!(%error, "the list of loaded distributions is not remembered");
    }
    Ok(record(base, loaded))
}

/// The base with an empty `loaded`: enough to fetch an environment, not to resolve one. Blocking, below a second.
pub fn identify(python: &str) -> Result<BaseRecord, BaseError> {
    Ok(record(probe(&resolve_interpreter(python)?)?, Vec::new()))
}

/// [`identify`], remembering the answer while nothing changes.
pub fn identify_cached(python: &str, cache: &Cache) -> Result<BaseRecord, BaseError> {
    Ok(record(probe_cached(&resolve_interpreter(python)?, cache)?, Vec::new()))
}

fn probe_cached(python: &Path, cache: &Cache) -> Result<Base, BaseError> {
    if let Some(base) = remembered::recall(python, cache) {
        return Ok(base);
    }
    let base = probe(python)?;
    remembered::keep(python, &base, cache);
    Ok(base)
}

fn loaded_if_airflow(python: &Path, base: &Base) -> Result<Vec<String>, BaseError> {
    let has_airflow =
        ["apache-airflow-core", "apache-airflow"].iter().any(|name| base.distribution(name).is_some());
    if has_airflow { loaded(python) } else { Ok(Vec::new()) }
}

/// The base of `--base none`: the interpreter alone, nothing installed, nothing loaded. Blocking.
pub fn describe_none(python: &str, cache: &Cache) -> Result<BaseRecord, BaseError> {
    let mut base = probe_cached(&resolve_interpreter(python)?, cache)?;
    base.distributions.clear();
    base.site_dirs.clear();
    Ok(record(base, Vec::new()))
}

fn record(base: Base, loaded: Vec<String>) -> BaseRecord {
    let last_seen = jiff::Timestamp::now().strftime("%Y-%m-%d").to_string();
    BaseRecord { schema: domain::base::SCHEMA, base, loaded, last_seen }
}

/// Absolute path of an interpreter given as path or name. Links are kept: a venv's `bin/python` is one.
pub fn resolve_interpreter(python: &str) -> Result<PathBuf, BaseError> {
    let absent = || BaseError::NotFound { python: python.to_owned() };
    let candidates: Vec<PathBuf> = if python.contains('/') {
        vec![std::path::absolute(python).map_err(|_| absent())?]
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).map(|dir| dir.join(python)).collect()
    };
    candidates.into_iter().find(|path| path.is_file()).ok_or_else(absent)
}

fn probe(python: &Path) -> Result<Base, BaseError> {
    let output = run(python, PROBE, &[], PROBE_TIMEOUT_S)?;
    let found: Probe = serde_json::from_slice(&output)
        .map_err(|source| BaseError::Answer { python: python.to_owned(), source })?;
    let facts = TagFacts {
        implementation: &found.implementation,
        python: found.python,
        free_threaded: found.free_threaded,
        debug: found.abi_flags.contains('d'),
        machine: found.markers.get("platform_machine").map_or("", String::as_str),
        glibc: found.glibc,
        musl: found.musl,
    };
    let (abi, tags) = (abi(&facts), supported(&facts));
    Ok(Base {
        schema: domain::base::SCHEMA,
        interpreter: Interpreter {
            implementation: found.implementation,
            version: found.version,
            abi,
            magic: found.magic,
            prefix: found.prefix,
            executable: found.executable,
            platform: found.platform,
        },
        markers: found.markers,
        tags,
        glibc: found.glibc,
        site_dirs: found.site_dirs,
        distributions: found.distributions,
    })
}

fn loaded(python: &Path) -> Result<Vec<String>, BaseError> {
    let failed = |source| BaseError::Run { python: python.to_owned(), source };
    // Airflow writes its configuration and a SQLite file when it is imported.
    let home = tempfile::tempdir().map_err(failed)?;
    let variables: [(&str, &OsStr); 4] = [
        ("AIRFLOW_HOME", home.path().as_os_str()),
        ("HOME", home.path().as_os_str()),
        ("AIRFLOW__CORE__EXECUTOR", OsStr::new("CeleryExecutor")),
        ("AIRFLOW__CORE__LOAD_EXAMPLES", OsStr::new("False")),
    ];
    let output = run(python, LOADED, &variables, LOADED_TIMEOUT_S)?;
    let found: Loaded = serde_json::from_slice(&output)
        .map_err(|source| BaseError::Answer { python: python.to_owned(), source })?;
    for (what, why) in &found.failed {
        tracing::debug!(what, why, "not importable outside a deployment");
    }
    Ok(found.loaded)
}

fn run(
    python: &Path,
    script: &str,
    variables: &[(&str, &OsStr)],
    timeout_s: u64,
) -> Result<Vec<u8>, BaseError> {
    let failed = |source| BaseError::Run { python: python.to_owned(), source };
    let mut child = Command::new(python)
        .args(["-I", "-c", script])
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(failed)?;
    let out = reader(child.stdout.take());
    let said = reader(child.stderr.take());
    let deadline = Instant::now() + Duration::from_secs(timeout_s);
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().map_err(failed)?;
            child.wait().map_err(failed)?;
            return Err(BaseError::TimedOut { python: python.to_owned(), timeout_s });
        }
        std::thread::sleep(POLL);
    };
    let (out, said) = (out.join().unwrap_or_default(), said.join().unwrap_or_default());
    if !status.success() {
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<_> = said.lines().rev().take(3).collect();
        let said = lines.into_iter().rev().collect::<Vec<_>>().join(" / ");
        return Err(BaseError::Failed { python: python.to_owned(), said });
    }
    Ok(out)
}

/// Reads a pipe on a thread of its own, so that a full pipe never blocks the child.
fn reader(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe
            && let Err(error) = pipe.take(OUTPUT_LIMIT_BYTES).read_to_end(&mut bytes)
        {
            tracing::debug!(%error, "output of the interpreter ended early");
        }
        bytes
    })
}
