//! Remote control and heartbeats of a real Celery worker. Needs a Python environment with celery:
//! `UPDRAFT_TEST_AIRFLOW=/path/to/venv`.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use broker::{Broker, Pidbox, WorkerEventKind, WorkerTable};
use secrecy::SecretString;
use testkit::redis::Redis;
use tokio::time::timeout;

const APP: &str = r#"
import os, time
from celery import Celery
app = Celery("app", broker=os.environ["BROKER"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)
@app.task(name="execute_workload", ignore_result=True)
def execute_workload(text):
    deadline = time.time() + 60
    while time.time() < deadline and not os.path.exists(os.environ["RELEASE"]):
        time.sleep(0.05)
"#;

const WORKLOAD: &str = r#"{"type":"ExecuteTask","token":"t","ti":{"id":"01a2","dag_id":"d","task_id":"t","run_id":"r","try_number":2,"map_index":-1,"queue":"default"}}"#;

struct Worker(Child);

impl Drop for Worker {
    #[allow(clippy::let_underscore_must_use)] // clean-up does its best
    fn drop(&mut self) {
        // QUIT: a cold shutdown that also ends the pool's children.
        let _ = Command::new("kill").args(["-QUIT", &self.0.id().to_string()]).status();
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline && matches!(self.0.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_worker_is_pinged_drained_and_undrained() {
    let Some(python) =
        std::env::var_os("UPDRAFT_TEST_AIRFLOW").map(|venv| PathBuf::from(venv).join("bin/python"))
    else {
        println!("skipped: UPDRAFT_TEST_AIRFLOW is not set");
        return;
    };
    let redis = Redis::start();
    let broker = Broker::connect(&SecretString::from(redis.url.clone())).await.unwrap();
    let mut heartbeats = broker.heartbeats();
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("app.py"), APP).unwrap();
    let release = directory.path().join("release");
    let python = |arguments: &[&str]| {
        let mut command = Command::new(&python);
        command.args(arguments).current_dir(directory.path()).env("RELEASE", &release);
        command.env("BROKER", &redis.url);
        command
    };
    let log = std::fs::File::create(directory.path().join("worker.log")).unwrap();
    let child =
        python(&["-m", "celery", "-A", "app", "worker", "-n", "w1@test", "-Q", "default,heavy", "-c", "2"])
            .stdout(Stdio::from(log.try_clone().unwrap()))
            .stderr(Stdio::from(log))
            .spawn()
            .unwrap();
    let _worker = Worker(child);
    let node = Pidbox::node(&broker, "w1@test");
    until("the worker answers", || async { node.ping().await.unwrap().only().is_ok() }).await;

    let everybody = Pidbox::everybody(&broker).ping().await.unwrap();
    assert_eq!(everybody.by_node.keys().collect::<Vec<_>>(), ["w1@test"]);
    let mut queues = node.active_queues().await.unwrap().only().unwrap();
    queues.sort();
    assert_eq!(queues, ["default", "heavy"]);

    let send = format!("import app; app.execute_workload.apply_async(['''{WORKLOAD}'''], queue='default')");
    assert!(python(&["-c", &send]).status().unwrap().success());
    until("the task runs", || async {
        node.active().await.unwrap().only().is_ok_and(|rows| rows.len() == 1)
    })
    .await;
    let running = node.active().await.unwrap().only().unwrap().remove(0);
    assert_eq!(running.workload.unwrap().ti.unwrap().try_number, 2);
    assert_eq!(running.queue.as_deref(), Some("default"));
    let stats = node.stats().await.unwrap().only().unwrap();
    assert!(stats.processes.contains(&running.worker_pid.unwrap()), "{stats:?}");
    let facts = broker.facts(&["default".to_owned()]).await.unwrap();
    assert_eq!((facts.queues["default"].ready, facts.queues["default"].in_flight), (0, 1));

    let started = Instant::now();
    node.cancel_consumer("default").await.unwrap().only().unwrap();
    println!("cancel_consumer: {:?}", started.elapsed());
    node.cancel_consumer("heavy").await.unwrap().only().unwrap();
    assert_eq!(node.active_queues().await.unwrap().only().unwrap(), Vec::<String>::new());
    // Celery's BRPOP that was under way still takes one message within its second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(python(&["-c", &send]).status().unwrap().success());
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(broker.facts(&["default".to_owned()]).await.unwrap().queues["default"].messages, 1);

    node.add_consumer("default").await.unwrap().only().unwrap();
    until("both tasks run", || async {
        node.active().await.unwrap().only().is_ok_and(|rows| rows.len() == 2)
    })
    .await;
    std::fs::write(&release, "").unwrap();
    until("no task is left", || async {
        node.active().await.unwrap().only().is_ok_and(|rows| rows.is_empty())
    })
    .await;
    assert!(node.reserved().await.unwrap().only().unwrap().is_empty());

    let mut table = WorkerTable::default();
    let idle = async {
        loop {
            let event = heartbeats.next().await;
            table.take(&event, 1);
            if event.kind == WorkerEventKind::Heartbeat && event.active == 0 && event.processed == 2 {
                return;
            }
        }
    };
    timeout(Duration::from_secs(10), idle).await.expect("a heartbeat");
    assert_eq!(table.get("w1@test").map(|seen| seen.processed), Some(2));
}
