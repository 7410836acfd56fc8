//! Shipping to a real S3 server: live, through outages, over kills.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use agent_logs::{Settings, Shipper, WatchError};
use domain::LogPart;
use domain::log_part::SEAL_SIZE_BYTES;
use objectstore::Store;
use tempfile::TempDir;
use testkit::s3::Server;
use testkit::wait_for_async;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const DEADLINE: Duration = Duration::from_secs(30);
const LOG: &str = "dag_id=d/run_id=manual__2026-01-01T00:00:00+00:00/task_id=t/attempt=1.log";

/// A log folder, a store, and a shipper between them.
struct Bench {
    folder: TempDir,
    server: Option<Server>,
    port: u16,
    store: Store,
}

impl Bench {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("s3")).await;
        server.create_bucket("logs");
        let store = open(&server.endpoint);
        let port = server.port();
        fs::create_dir_all(folder.path().join("logs").join(LOG).parent().unwrap()).unwrap();
        Self { folder, server: Some(server), port, store }
    }

    fn log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.folder.path().join("logs").join(LOG)).unwrap()
    }

    fn outage(&mut self) {
        self.server = None;
    }

    fn back(&mut self) {
        self.server = Some(Server::start_at(&self.folder.path().join("s3"), self.port));
    }

    /// The parts in the order in which Airflow reads them.
    async fn parts(&self) -> Vec<(LogPart, String)> {
        let mut parts = Vec::new();
        for listed in self.store.list(LOG).await.unwrap() {
            let bytes = self.store.get(&listed.key).await.unwrap().unwrap().bytes;
            parts.push((listed.key.parse().unwrap(), String::from_utf8(bytes.to_vec()).unwrap()));
        }
        parts
    }

    async fn text(&self) -> String {
        self.parts().await.into_iter().map(|(_, text)| text).collect()
    }

    async fn wait_for_text(&self, expected: &str) {
        wait_for_async(DEADLINE, "the store has the log", async || {
            let text = self.text().await;
            if text == expected { Ok(()) } else { Err(format!("{} of {} bytes", text.len(), expected.len())) }
        })
        .await;
    }
}

fn open(endpoint: &str) -> Store {
    Store::open_s3_at("s3://logs/airflow", endpoint, "testkit-access", "testkit-secret").unwrap()
}

fn settings(folder: &Path) -> Settings {
    let mut settings = Settings::new(folder.join("logs"), folder.join("state"), "host-1".to_owned());
    settings.flush = Duration::from_millis(50);
    settings.shutdown_deadline = Duration::from_secs(10);
    settings
}

/// A shipper at work.
struct Running {
    shipper: Arc<Shipper>,
    cancel: CancellationToken,
    task: JoinHandle<Vec<String>>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test owns and awaits it")]
    fn start(bench: &Bench) -> Self {
        let shipper = Arc::new(Shipper::new(settings(bench.folder.path()), bench.store.clone()));
        let cancel = CancellationToken::new();
        let (runner, token) = (Arc::clone(&shipper), cancel.clone());
        Self { shipper, cancel, task: tokio::spawn(async move { runner.run(token).await }) }
    }

    async fn end(self) -> Vec<String> {
        self.cancel.cancel();
        self.task.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_in_the_store_while_the_task_runs() {
    let bench = Bench::new().await;
    let running = Running::start(&bench);
    // Watched before the file exists.
    running.shipper.watch(LOG.to_owned()).unwrap();
    let mut log = bench.log();
    log.write_all(b"{\"event\":\"one\"}\n{\"event\":\"tw").unwrap();
    bench.wait_for_text("{\"event\":\"one\"}\n").await;
    log.write_all(b"o\"}\nand no end").unwrap();
    bench.wait_for_text("{\"event\":\"one\"}\n{\"event\":\"two\"}\n").await;
    running.shipper.finish(LOG.to_owned()).unwrap();
    bench.wait_for_text("{\"event\":\"one\"}\n{\"event\":\"two\"}\nand no end").await;
    let parts = bench.parts().await;
    assert_eq!(parts.len(), 1, "a small log is one part");
    assert_eq!((parts[0].0.host.as_str(), parts[0].0.seq), ("host-1", 0));
    assert_eq!(running.end().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_log_is_sealed_in_parts() {
    let bench = Bench::new().await;
    let line = |number| format!("line {number:08} of a long log, ünïcode and all: {number}\n");
    let text = (0..130_000).map(line).collect::<Vec<_>>().concat();
    assert!(text.len() as u64 > SEAL_SIZE_BYTES);
    bench.log().write_all(text.as_bytes()).unwrap();
    let running = Running::start(&bench);
    running.shipper.watch(LOG.to_owned()).unwrap();
    bench.wait_for_text(&text).await;
    let parts = bench.parts().await;
    assert!(parts.len() > 1);
    assert!(parts.iter().all(|(_, text)| text.len() as u64 <= SEAL_SIZE_BYTES && text.ends_with('\n')));
    assert_eq!(running.end().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_delays_and_loses_nothing() {
    let mut bench = Bench::new().await;
    let running = Running::start(&bench);
    running.shipper.watch(LOG.to_owned()).unwrap();
    let mut log = bench.log();
    log.write_all(b"before\n").unwrap();
    bench.wait_for_text("before\n").await;
    bench.outage();
    log.write_all(b"during\n").unwrap();
    wait_for_async(DEADLINE, "the outage is felt", async || {
        bench.store.head("x").await.map_or(Ok(()), |_| Err("the store still answers"))
    })
    .await;
    bench.back();
    log.write_all(b"after\n").unwrap();
    bench.wait_for_text("before\nduring\nafter\n").await;
    assert_eq!(running.end().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_has_a_deadline_and_the_next_agent_goes_on() {
    let mut bench = Bench::new().await;
    bench.log().write_all(b"one\ntwo\n").unwrap();
    bench.outage();
    let shipper = {
        let mut settings = settings(bench.folder.path());
        settings.shutdown_deadline = Duration::from_millis(200);
        Shipper::new(settings, bench.store.clone())
    };
    shipper.watch(LOG.to_owned()).unwrap();
    let cancel = CancellationToken::new();
    cancel.cancel();
    assert_eq!(shipper.run(cancel).await, [LOG]);
    bench.back();
    let running = Running::start(&bench);
    bench.wait_for_text("one\ntwo\n").await;
    assert_eq!(running.end().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deferred_attempt_goes_on_after_airflow_emptied_its_log() {
    let bench = Bench::new().await;
    let running = Running::start(&bench);
    running.shipper.watch(LOG.to_owned()).unwrap();
    bench.log().write_all(b"first process\n").unwrap();
    bench.wait_for_text("first process\n").await;
    running.shipper.finish(LOG.to_owned()).unwrap();
    assert_eq!(running.end().await, [""; 0]);
    File::create(bench.folder.path().join("logs").join(LOG)).unwrap();
    let running = Running::start(&bench);
    bench.log().write_all(b"second process, a longer line\n").unwrap();
    running.shipper.watch(LOG.to_owned()).unwrap();
    bench.wait_for_text("first process\nsecond process, a longer line\n").await;
    assert_eq!(bench.parts().await.len(), 2);
    assert_eq!(running.end().await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_agents_lose_and_repeat_nothing() {
    let bench = Bench::new().await;
    let mut log = bench.log();
    let mut expected = String::new();
    for life in 0..12_u64 {
        let mut agent = Agent::start(bench.folder.path(), &bench.server.as_ref().unwrap().endpoint);
        // A different number of lines, so that the kills hit different moments.
        for line in 0..40 + 13 * life {
            let text = format!("life {life} line {line}\n");
            log.write_all(text.as_bytes()).unwrap();
            expected.push_str(&text);
        }
        let so_far = expected.len();
        wait_for_async(DEADLINE, "the agent ships", async || {
            let shipped = bench.text().await.len();
            // Not necessarily all of it: the kill should find work in progress.
            if shipped + 600 > so_far { Ok(()) } else { Err(format!("{shipped} of {so_far} bytes")) }
        })
        .await;
        agent.kill();
    }
    let running = Running::start(&bench);
    bench.wait_for_text(&expected).await;
    assert_eq!(running.end().await, [""; 0]);
    assert_eq!(bench.text().await, expected);
}

/// This test binary again, as an agent's process.
struct Agent(Child);

impl Agent {
    fn start(folder: &Path, endpoint: &str) -> Self {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "an_agent_process", "--nocapture"])
            .env("TEST_AGENT_FOLDER", folder)
            .env("TEST_AGENT_ENDPOINT", endpoint)
            .stdout(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Killed already unless the test failed.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_process() {
    let (Some(folder), Ok(endpoint)) = (env::var_os("TEST_AGENT_FOLDER"), env::var("TEST_AGENT_ENDPOINT"))
    else {
        return;
    };
    let mut settings = settings(&PathBuf::from(folder));
    settings.flush = Duration::from_millis(5);
    let shipper = Shipper::new(settings, open(&endpoint));
    shipper.watch(LOG.to_owned()).unwrap();
    shipper.run(CancellationToken::new()).await;
}

#[tokio::test]
async fn paths_that_lead_out_are_refused() {
    let bench = Bench::new().await;
    let shipper = Shipper::new(settings(bench.folder.path()), bench.store.clone());
    for log_path in ["", "/etc/passwd", "../x.log", "a/../../x.log"] {
        let refused = shipper.watch(log_path.to_owned()).unwrap_err();
        assert_eq!(refused, WatchError::Outside { log_path: log_path.to_owned() });
    }
}
