//! An autoscaler, a Redis and fake agents for one test.

#![allow(dead_code)] // each test binary uses its part

pub(crate) mod fake_agent;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use redis::Commands;
use serde_json::{Value, json};
use testkit::redis::Redis;
use testkit::wait_for;

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) struct Site {
    pub(crate) redis: Option<Redis>,
    port: u16,
    folder: tempfile::TempDir,
    autoscaler: Option<Child>,
}

impl Site {
    /// `pool` holds the settings of the pool `default` apart from queues and command.
    pub(crate) fn new(pool: &str) -> Self {
        let redis = Redis::start();
        let folder = tempfile::tempdir().unwrap();
        let port = redis.port;
        let site = Self { redis: Some(redis), port, folder, autoscaler: None };
        site.configure(pool);
        site
    }

    pub(crate) fn configure(&self, pool: &str) {
        let program = std::env::current_exe().unwrap();
        let mut text = format!("state_dir = \"state\"\ntick_ms = 50\n[broker]\nurl = \"{}\"\n", self.url());
        write!(
            text,
            r#"
[pools.default]
queues = ["default", "heavy"]
{pool}
command = ["env", "FAKE_AGENT_SOCKET={{socket}}", "FAKE_WORKER={{worker}}", "FAKE_QUEUES={{queues}}", "FAKE_SLOTS={{slots}}",
    "{}", "--exact", "the_fake_agent", "--nocapture"]
[pools.default.environment]
FAKE_REDIS = "{}"
FAKE_DIRECTORY = "{}"
"#,
            program.display(),
            self.url(),
            self.path("").display(),
        )
        .unwrap();
        std::fs::write(self.config(), text).unwrap();
    }

    /// Serves probes and metrics on a port.
    pub(crate) fn listen(&self, port: u16) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), format!("listen = \"127.0.0.1:{port}\"\n{text}")).unwrap();
    }

    /// Agents that have a record.
    pub(crate) fn agents(&self) -> usize {
        let records = records(&self.path("state/default/workers"));
        records.iter().filter(|record| record["pid"].is_number()).count()
    }

    pub(crate) fn set_tick(&self, tick_ms: u64) {
        let text = std::fs::read_to_string(self.config()).unwrap();
        std::fs::write(self.config(), text.replace("tick_ms = 50", &format!("tick_ms = {tick_ms}"))).unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("pools.toml")
    }

    pub(crate) fn stop_redis(&mut self) {
        self.redis = None;
    }

    pub(crate) fn start_redis(&mut self) {
        self.redis = Some(Redis::start_at(self.port));
    }

    pub(crate) fn run(&mut self, arguments: &[&str]) {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = autoscaler(&["run", "--log-format", "text", "--config"]);
        command.arg(self.config()).args(arguments).stdout(Stdio::null()).stderr(log);
        self.autoscaler = Some(command.spawn().unwrap());
    }

    /// Ends the autoscaler with a signal and waits for it.
    pub(crate) fn end(&mut self, signal: nix::sys::signal::Signal) -> std::process::ExitStatus {
        let mut child = self.autoscaler.take().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
        child.wait().unwrap()
    }

    /// Sends a task; its id starts with its kind.
    pub(crate) fn send(&self, queue: &str, id: &str) {
        let mut redis = redis::Client::open(self.url()).unwrap().get_connection().unwrap();
        let message = message(id, queue, "");
        let _: u64 = redis.lpush(queue, message).unwrap();
    }

    /// Lets tasks of a kind end.
    pub(crate) fn release(&self, kind: &str) {
        std::fs::write(self.path(&format!("release-{kind}")), "").unwrap();
    }

    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.path(name)).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What the autoscaler wrote last.
    pub(crate) fn snapshot(&self) -> Value {
        let text = std::fs::read(self.path("state/default/status.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    pub(crate) fn counter(&self, name: &str) -> u64 {
        self.snapshot()["counters"][name].as_u64().unwrap_or(0)
    }

    /// `name phase busy` of every worker in the snapshot.
    pub(crate) fn workers(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let workers = snapshot["facts"]["workers"].as_array().cloned().unwrap_or_default();
        let line = |worker: &Value| {
            format!(
                "{} {} {}",
                worker["name"].as_str().unwrap(),
                worker["phase"].as_str().unwrap(),
                worker["busy"]
            )
        };
        workers.iter().map(line).collect()
    }

    /// Waits for a condition; fails with the log of the autoscaler.
    pub(crate) fn until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        wait_for(DEADLINE, what, || {
            if condition(self) { Ok(()) } else { Err(format!("{:?}\n{}", self.workers(), self.log())) }
        });
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.autoscaler.take() {
            drop(child.kill());
            drop(child.wait());
        }
        // Agents outlive their autoscaler by design; the test ends them.
        for record in records(&self.path("state/default/workers")) {
            if let Some(pid) = record["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()) {
                // It may be gone already.
                let pid = nix::unistd::Pid::from_raw(pid);
                nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap_or_default();
            }
        }
    }
}

pub(crate) fn records(directory: &Path) -> Vec<Value> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok())
        .collect()
}

/// A message as Airflow 3 sends it; `padding` makes it larger.
pub(crate) fn message(id: &str, queue: &str, padding: &str) -> String {
    let workload = json!({"type": "ExecuteTask", "ti": {
        "id": id, "dag_id": "d", "task_id": "t", "run_id": "r", "try_number": 1, "queue": queue}});
    json!({
        "body": STANDARD.encode(json!([[workload.to_string()], {}, {}]).to_string()),
        "headers": {"task": "execute_workload", "id": id, "argsrepr": padding},
        "properties": {"body_encoding": "base64"},
    })
    .to_string()
}

/// The program under test.
pub(crate) fn autoscaler(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_updraft-autoscaler"));
    command.args(arguments).env_remove("UPDRAFT_BROKER_URL").env_remove("AIRFLOW__CELERY__BROKER_URL");
    command
}
