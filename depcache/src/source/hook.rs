//! One hook of a build backend, in a process of its own.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};
use serde::Deserialize;

use super::SourceError;
use super::error::{Limit, LogEnd};
use super::pyproject::BuildSystem;
use super::rules::{BuildLimits, build_variables};
use super::sandbox::{self, Sandbox};

const PROGRAM: &str = include_str!("hook.py");
/// How often a running hook is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How often its disk use is measured: a walk over its files.
const MEASURE: Duration = Duration::from_millis(500);
/// Bytes of the log's end that messages draw from.
const LOG_END_BYTES: u64 = 64 << 10;
/// Bytes of an answer: a list of requirements or a file name.
const ANSWER_BYTES: u64 = 1 << 20;
/// 1980-01-01, the earliest time that a zip can hold: the same sources give the same wheel where the backend allows.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// Everything that a hook's process is started with.
pub(super) struct Hook<'a> {
    /// As messages call the tree.
    pub(super) label: &'a str,
    /// The build environment.
    pub(super) environment: &'a Path,
    /// The tree.
    pub(super) root: &'a Path,
    /// The build's own directory; the tree is below it.
    pub(super) work: &'a Path,
    /// Made read-only; `work` is below it.
    pub(super) cache: &'a Path,
    pub(super) system: &'a BuildSystem,
    pub(super) limits: BuildLimits,
    pub(super) sandbox: &'a Sandbox,
    /// The caller's, of which [`build_variables`] and a few of the system are handed on.
    pub(super) variables: &'a BTreeMap<String, String>,
    /// Where the log of a failed build is kept.
    pub(super) logs: &'a Path,
}

#[derive(Deserialize)]
struct Answer {
    value: Option<serde_json::Value>,
    #[serde(default)]
    missing: bool,
}

impl Hook<'_> {
    /// Calls the hook; absent when the backend has none of this name. Blocking.
    pub(super) fn call(
        &self,
        hook: &'static str,
        arguments: &[serde_json::Value],
    ) -> Result<Option<serde_json::Value>, SourceError> {
        let disk = |path: &Path| {
            let path = path.to_owned();
            move |source| SourceError::Disk { path, source }
        };
        let call = self.work.join(hook);
        let home = call.join("home");
        fs::create_dir_all(home.join("tmp")).map_err(disk(&home))?;
        let [program, request, answer, log] =
            ["hook.py", "request.json", "answer.json", "log"].map(|name| call.join(name));
        let text = serde_json::json!({
            "hook": hook, "backend": self.system.backend, "backend_path": self.system.backend_path,
            "arguments": arguments,
        });
        fs::write(&program, PROGRAM).map_err(disk(&program))?;
        fs::write(&request, text.to_string()).map_err(disk(&request))?;
        let out = File::create(&log).map_err(disk(&log))?;
        let said = out.try_clone().map_err(disk(&log))?;
        let python = self.environment.join("bin/python");
        let arguments: [&OsStr; 6] = [
            python.as_os_str(),
            OsStr::new("-I"),
            OsStr::new("-B"),
            program.as_os_str(),
            request.as_os_str(),
            answer.as_os_str(),
        ];
        let mut command =
            sandbox::command(self.sandbox, &self.limits, self.cache, self.work, self.root, &arguments);
        self.fill(&mut command, &home);
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(said))
            .process_group(0)
            .spawn()
            .map_err(|source| SourceError::Start { label: self.label.into(), source })?;
        let ended = self.wait(child, &log).map_err(disk(&log))?;
        let end = || self.keep_log(hook, &log);
        let status = match ended {
            Ok(status) => status,
            Err(limit) => {
                return Err(SourceError::Limit { label: self.label.into(), hook, limit, log: end() });
            }
        };
        let mut text = String::new();
        let read = File::open(&answer).and_then(|file| file.take(ANSWER_BYTES).read_to_string(&mut text));
        let answer = read.ok().and_then(|_| serde_json::from_str::<Answer>(&text).ok());
        match answer {
            Some(answer) if answer.missing => Ok(None),
            Some(Answer { value: Some(value), .. }) if status.success() => Ok(Some(value)),
            // Hooks that answer None where a list or a name is wanted.
            Some(Answer { value: None, .. }) if status.success() => Ok(Some(serde_json::Value::Null)),
            _ => {
                let (label, backend) = (self.label.into(), self.system.backend.clone());
                Err(SourceError::Hook { label, hook, backend, status: ended_as(status), log: end() })
            }
        }
    }

    /// An environment of an allow-list: no variable of the caller that could hold a secret.
    fn fill(&self, command: &mut std::process::Command, home: &Path) {
        let system = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
        let path = self.variables.get("PATH").map_or(system, String::as_str);
        let tmp = home.join("tmp");
        command
            .env_clear()
            .env("PATH", format!("{}:{path}", self.environment.join("bin").display()))
            .env("LANG", "C.UTF-8")
            .env("HOME", home)
            .env("TMPDIR", &tmp)
            .env("TEMP", &tmp)
            .env("VIRTUAL_ENV", self.environment)
            .env("PYTHONHASHSEED", "0")
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH);
        // Some interpreters find their own libpython by it.
        if let Some(path) = self.variables.get("LD_LIBRARY_PATH") {
            command.env("LD_LIBRARY_PATH", path);
        }
        command.envs(build_variables(self.variables));
    }

    /// Waits for the end; at a bound the whole group is ended.
    fn wait(&self, mut child: Child, log: &Path) -> std::io::Result<Result<ExitStatus, Limit>> {
        let group = Group(i32::try_from(child.id()).ok().and_then(Pid::from_raw));
        let deadline = Instant::now() + self.limits.time;
        let mut measure_at = Instant::now() + MEASURE;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(match self.exceeded(log) {
                    Some(limit) => Err(limit),
                    None => Ok(status),
                });
            }
            let now = Instant::now();
            let mut limit = (now > deadline).then_some(Limit::Time(self.limits.time));
            if now > measure_at {
                limit = limit.or_else(|| self.exceeded(log));
                measure_at = Instant::now() + MEASURE;
            }
            if let Some(limit) = limit {
                drop(group);
                child.wait()?;
                return Ok(Err(limit));
            }
            std::thread::sleep(POLL);
        }
    }

    fn exceeded(&self, log: &Path) -> Option<Limit> {
        if log.metadata().is_ok_and(|meta| meta.len() > self.limits.log_bytes) {
            return Some(Limit::Output(self.limits.log_bytes));
        }
        let mut bytes = 0;
        for entry in walkdir::WalkDir::new(self.work).into_iter().filter_map(Result::ok) {
            if let Ok(meta) = entry.metadata() {
                // What is really taken: sparse files are cheap.
                bytes += std::os::unix::fs::MetadataExt::blocks(&meta) * 512;
            }
        }
        (bytes > self.limits.disk_bytes).then_some(Limit::Disk(self.limits.disk_bytes))
    }

    /// The end of the log, and where all of it is kept.
    fn keep_log(&self, hook: &str, log: &Path) -> LogEnd {
        let name: String = self
            .label
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
            .collect();
        let short: String = name.chars().rev().take(120).collect::<Vec<_>>().into_iter().rev().collect();
        let to = self.logs.join(format!("{short}.{hook}.log"));
        let kept = fs::create_dir_all(self.logs).and_then(|()| fs::copy(log, &to)).map(|_| to);
        let mut tail = Vec::new();
        let read = File::open(log).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_END_BYTES)))?;
            file.take(LOG_END_BYTES).read_to_end(&mut tail)
        });
        if let Err(error) = read {
            tracing::debug!(%error, "the build's log cannot be read");
        }
        LogEnd::new(&String::from_utf8_lossy(&tail), kept.ok())
    }
}

/// A process group that ends with this value.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // No such group is the usual answer: everything ended by itself.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

fn ended_as(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        // How `sh` and `unshare` tell of a signal.
        (Some(code @ 129..=192), _) => format!("signal {}", code - 128),
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "an unknown status".into(),
    }
}

/// Directory below the build's own in which hooks leave their files.
pub(super) fn output_dir(work: &Path, name: &str) -> Result<PathBuf, SourceError> {
    let path = work.join(name);
    fs::create_dir_all(&path).map_err(|source| SourceError::Disk { path: path.clone(), source })?;
    Ok(path)
}
