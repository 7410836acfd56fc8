//! Runs a probe in the interpreter of an environment, fenced in.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde::de::DeserializeOwned;
use tokio::process::{Child, Command};

use super::VerifyError;

/// Private memory of each process: pandas, scikit-learn and Airflow together stay below 1 GiB when imported.
const DATA_BYTES: u64 = 8 << 30;
/// Processor seconds of each process: twice what the slowest known import of a large provider takes.
const CPU_S: u64 = 600;
/// Largest file a process may write, its output included.
const FILE_BYTES: u64 = 256 << 20;
/// Largest answer: some kilobytes for each of thousands of DAG files.
const ANSWER_BYTES: u64 = 64 << 20;
/// Of the interpreter's last words so much is told.
const SAID_BYTES: u64 = 2_000;

/// One run of a probe.
pub(super) struct Probe<'a> {
    /// The environment.
    pub(super) root: &'a Path,
    /// Parts of the script.
    pub(super) script: &'a [&'a str],
    /// Deadline of the whole run.
    pub(super) limit: Duration,
}

impl Probe<'_> {
    /// Runs the script with `arguments` (after the path of its answer) and reads its answer.
    pub(super) async fn run<T: DeserializeOwned>(&self, arguments: &[String]) -> Result<T, VerifyError> {
        let dir =
            tempfile::Builder::new().prefix("updraft-verify-").tempdir().map_err(VerifyError::Folder)?;
        let (script, answer, said) =
            (dir.path().join("probe.py"), dir.path().join("answer.json"), dir.path().join("said"));
        let home = dir.path().join("home");
        std::fs::create_dir(&home).map_err(VerifyError::Folder)?;
        std::fs::write(&script, self.script.concat()).map_err(VerifyError::Folder)?;
        let out = File::create(&said).map_err(VerifyError::Folder)?;
        let both = out.try_clone().map_err(VerifyError::Folder)?;
        let python = self.root.join("bin/python");
        let child = self
            .command(&python, &home)
            .arg(&script)
            .arg(&answer)
            .args(arguments)
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(both))
            .spawn()
            .map_err(|source| VerifyError::Start { python: python.clone(), source })?;
        let status = self.wait(child).await?;
        let mut text = String::new();
        let read = File::open(&answer).and_then(|file| file.take(ANSWER_BYTES).read_to_string(&mut text));
        if read.is_err() {
            return Err(VerifyError::Died {
                root: self.root.to_owned(),
                status: ended(status),
                said: last_words(&said),
            });
        }
        serde_json::from_str(&text).map_err(VerifyError::Answer)
    }

    /// An interpreter that knows nothing of its caller: no variable of ours reaches it but these.
    fn command(&self, python: &Path, home: &Path) -> Command {
        let system = "/usr/local/bin:/usr/bin:/bin";
        let mut command = Command::new(python);
        command
            .args(["-I", "-B"])
            .env_clear()
            .env("PATH", format!("{}:{system}", self.root.join("bin").display()))
            .env("LANG", "C.UTF-8")
            .env("HOME", home)
            .env("TMPDIR", home)
            .env("PROBE_LIMITS", format!("{DATA_BYTES} {CPU_S} {FILE_BYTES}"))
            // An Airflow without database, examples and plugins of the machine.
            .env("AIRFLOW_HOME", home)
            .env("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
            .env("AIRFLOW__CORE__UNIT_TEST_MODE", "False")
            .env("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", format!("sqlite:///{}/airflow.db", home.display()))
            .current_dir(home)
            .stdin(Stdio::null())
            .process_group(0)
            .kill_on_drop(true);
        command
    }

    /// Waits for the end, or ends the whole group at the deadline and when this future is dropped.
    async fn wait(&self, mut child: Child) -> Result<ExitStatus, VerifyError> {
        let group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
        let waited = tokio::time::timeout(self.limit, child.wait()).await;
        drop(group);
        if let Ok(status) = waited {
            return status
                .map_err(|source| VerifyError::Start { python: self.root.join("bin/python"), source });
        }
        // Reaped here, so that no zombie is left; it was ended with its group.
        drop(child.wait().await);
        Err(VerifyError::TimedOut { root: self.root.to_owned(), limit_s: self.limit.as_secs() })
    }
}

/// A process group that ends with this value: what imported code started must not stay.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // No such group is the usual answer: everything ended by itself.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "unknown".to_owned(),
    }
}

/// The last line that the interpreter wrote.
fn last_words(said: &Path) -> String {
    let mut tail = Vec::new();
    let read = File::open(said).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(SAID_BYTES)))?;
        file.take(SAID_BYTES).read_to_end(&mut tail)
    });
    let text = String::from_utf8_lossy(&tail).into_owned();
    match (read, text.lines().rfind(|line| !line.trim().is_empty())) {
        (Ok(_), Some(line)) => line.trim().to_owned(),
        _ => "nothing was said".to_owned(),
    }
}
