//! A second bring-up beside the first: interrupted again and again, then up, then down.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use airflow_api::{Client, Credentials};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use tokio::process::{Child, Command};

use super::scene::{Scene, whole};
use super::table::Seen;
use crate::descent;
use crate::failure::Failure;
use crate::ledger::Ledger;

/// When the first interruptions come, in milliseconds after the start: in the services, in the tables, in Airflow. Each
/// is moved by up to a second, so that other runs hit other moments.
const INTERRUPTED_MS: [u64; 3] = [300, 6_000, 16_000];
/// An interrupted bring-up ends what it started.
const CLEAN: Duration = Duration::from_mins(1);
/// A whole bring-up on a machine that has another one.
const UP: Duration = Duration::from_mins(4);

/// Ctrl-C at several moments, then a second installation side by side with the first.
pub(super) async fn second(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let mut folder = state.dir().as_os_str().to_owned();
    folder.push("-second");
    let folder = PathBuf::from(folder);
    let first = scene.begin("beside", json!({"seconds": 40})).await?;
    let mut clean = true;
    for base_ms in INTERRUPTED_MS {
        let jitter = u64::try_from(jiff::Timestamp::now().as_nanosecond().rem_euclid(1_000)).unwrap_or(0);
        let up = Started::new(scene, &folder, "up")?;
        tokio::time::sleep(Duration::from_millis(base_ms + jitter)).await;
        up.signal(Signal::SIGINT);
        let code = up.ended(CLEAN).await?;
        clean &= code == Some(i32::from(domain::exit::TRY_AGAIN)) && nothing_left(&folder)?;
    }
    let started = Instant::now();
    let code = Started::new(scene, &folder, "up")?.ended(UP).await?;
    let up = started.elapsed();
    let answers = code == Some(0) && answers(&folder).await;
    scene.works("beside-both", CLEAN).await?;
    let down = Started::new(scene, &folder, "down")?.ended(CLEAN).await?;
    let gone = down == Some(0) && nothing_left(&folder)?;
    let tries = scene.succeeds(&first, CLEAN).await?;
    let ticks = super::kills::all_ticks(scene, &first, 1, 40).await;
    std::fs::remove_dir_all(&folder).map_err(Failure::file("remove", &folder))?;
    let words = |holds: bool| if holds { "nothing" } else { "SOMETHING" };
    Ok(Seen {
        users: format!(
            "{} is left after {} interruptions at different steps; the next `up` works; {} is left after `down`",
            words(clean),
            INTERRUPTED_MS.len(),
            words(gone)
        ),
        tasks: format!("those of the first run on: success at try {tries}, {} log lines of 40", ticks.len()),
        recovery: up,
        holds: Some(clean && answers && gone && tries == 1 && whole(&ticks) && ticks.len() == 40),
    })
}

/// Airflow of the second installation answers.
async fn answers(folder: &Path) -> bool {
    let settings = std::fs::read(folder.join("settings.json")).unwrap_or_default();
    let settings: serde_json::Value = serde_json::from_slice(&settings).unwrap_or_default();
    let address = format!("http://127.0.0.1:{}", settings["ports"]["airflow"]);
    match Client::new(&address, Credentials::AllAdmins) {
        Ok(client) => client.health().await.is_ok(),
        Err(_) => false,
    }
}

/// No process of that folder, and none recorded.
fn nothing_left(folder: &Path) -> Result<bool, Failure> {
    if !folder.exists() {
        return Ok(true);
    }
    let folder = folder.canonicalize().map_err(Failure::file("find", folder))?;
    Ok(Ledger::of(&folder).entries()?.is_empty() && descent::family(&folder, &[]).is_empty())
}

/// This program for the second folder; told to end when it is given up.
struct Started {
    child: Child,
}

impl Started {
    fn new(scene: &Scene<'_>, folder: &Path, command: &str) -> Result<Self, Failure> {
        let program = std::env::current_exe().map_err(Failure::file("find", "this program"))?;
        let log = scene.watch.state.log("second");
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(Failure::file("open", &log))?;
        let errors = output.try_clone().map_err(Failure::file("open", &log))?;
        let spawn = |source| Failure::Spawn { program: "updraft-local".to_owned(), source };
        let child = Command::new(program)
            .arg("--state-dir")
            .arg(folder)
            .arg("--base")
            .arg(scene.watch.base)
            .arg(command)
            .env_remove("UPDRAFT_LOCAL_STATE_DIR")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(spawn)?;
        Ok(Self { child })
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = self.child.id().and_then(|pid| i32::try_from(pid).ok()) {
            // It may have ended: its exit code says so.
            kill(Pid::from_raw(pid), signal).ok();
        }
    }

    async fn ended(mut self, deadline: Duration) -> Result<Option<i32>, Failure> {
        match tokio::time::timeout(deadline, self.child.wait()).await {
            Ok(Ok(status)) => Ok(status.code()),
            Ok(Err(source)) => Err(Failure::Spawn { program: "updraft-local".to_owned(), source }),
            Err(_) => Err(Failure::Deadline {
                what: "the second bring-up ends".to_owned(),
                deadline_s: deadline.as_secs(),
                last: "it runs".to_owned(),
            }),
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        // Ends what it started, like after Ctrl-C; nothing happens when it has ended.
        self.signal(Signal::SIGINT);
    }
}
