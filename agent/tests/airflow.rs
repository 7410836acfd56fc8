//! A real `airflow celery worker` on a real Redis. `UPDRAFT_TEST_AIRFLOW` names a venv with Airflow 3 and Celery.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Agent, wait};
use testkit::redis::Redis;

/// Registers a task `nap` in Airflow's Celery application: a task whose end the test decides.
const NAP: &str = "
from celery.signals import import_modules
@import_modules.connect(weak=False)
def register(sender=None, **_):
    @sender.task(name='nap', acks_late=True)
    def nap(seconds, done):
        import time
        time.sleep(seconds)
        open(done, 'w').close()
";

struct Lab {
    venv: PathBuf,
    redis: Redis,
    dir: tempfile::TempDir,
}

impl Lab {
    fn start() -> Option<Self> {
        let Some(venv) = std::env::var_os("UPDRAFT_TEST_AIRFLOW").map(PathBuf::from) else {
            println!("skipped: UPDRAFT_TEST_AIRFLOW names no venv with Airflow");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("site")).unwrap();
        fs::write(dir.path().join("site/sitecustomize.py"), NAP).unwrap();
        Some(Self { venv, redis: Redis::start(), dir })
    }

    fn variables(&self) -> Vec<(String, String)> {
        let home = self.dir.path().display();
        [
            ("AIRFLOW_HOME", home.to_string()),
            ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor".into()),
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "False".into()),
            ("AIRFLOW__CORE__EXECUTION_API_SERVER_URL", "http://127.0.0.1:9/execution/".into()),
            ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", format!("sqlite:///{home}/airflow.db")),
            ("AIRFLOW__CELERY__BROKER_URL", self.redis.url.clone()),
            ("AIRFLOW__CELERY__RESULT_BACKEND", format!("db+sqlite:///{home}/results.db")),
            ("PYTHONPATH", format!("{home}/site")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    fn worker(&self) -> Agent {
        let variables = self.variables();
        let env: Vec<String> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let airflow = self.venv.join("bin/airflow").display().to_string();
        let python = self.venv.join("bin/python").display().to_string();
        let mut command = vec!["env"];
        command.extend(env.iter().map(String::as_str));
        command.extend([&airflow, "celery", "worker", "-q", "default,heavy", "-c", "2", "--skip-serve-logs"]);
        Agent::worker(
            self.dir.path(),
            &["--python", &python, "--broker-url", &self.redis.url, "--worker-name", "w1@%h"],
            &command,
        )
    }

    fn nap(&self, seconds: u32, done: &Path) {
        let send = format!(
            "from celery import Celery; Celery(broker='{}').send_task('nap', args=[{seconds}, '{}'], queue='default')",
            self.redis.url,
            done.display()
        );
        assert!(Command::new(self.venv.join("bin/python")).args(["-c", &send]).status().unwrap().success());
    }

    fn queues(&self, node: &str) -> Vec<String> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let broker = broker::Broker::connect(&self.redis.url.clone().into()).await.unwrap();
            let pidbox = broker::Pidbox::node(&broker, node).with_timeout(support::DEADLINE);
            let mut queues = pidbox.active_queues().await.unwrap().only().unwrap();
            queues.sort();
            queues
        })
    }
}

#[test]
fn a_real_worker_is_drained_wanted_again_and_stopped_after_its_task() {
    let Some(lab) = Lab::start() else { return };
    let begun = Instant::now();
    let mut agent = lab.worker();
    let status = agent.reaches("ready");
    println!("ready after {} ms", begun.elapsed().as_millis());
    let node = status["worker"].as_str().unwrap().to_owned();
    assert!(node.starts_with("w1@"), "{node}");
    assert_eq!(lab.queues(&node), ["default", "heavy"]);

    agent.ask("POST", "/v1/drain", r#"{"epoch":1}"#);
    agent.reaches("drained");
    assert!(lab.queues(&node).is_empty());
    let waiting = lab.dir.path().join("waiting");
    lab.nap(0, &waiting);
    agent.ask("POST", "/v1/drain", r#"{"epoch":2,"cancel":true}"#);
    agent.reaches("ready");
    assert_eq!(lab.queues(&node), ["default", "heavy"]);
    wait("the task that waited runs", || waiting.exists().then_some(()));

    let done = lab.dir.path().join("done");
    lab.nap(6, &done);
    wait("the task runs", || (agent.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    let asked = Instant::now();
    agent.signal(Signal::SIGTERM);
    agent.reaches("draining");
    assert!(!done.exists());
    assert!(agent.ended().success());
    assert!(done.exists(), "the task was lost");
    println!("SIGTERM to end with a task of 6 s: {} ms", asked.elapsed().as_millis());
    assert!(agent.log().contains("Warm shutdown"), "the worker ended by itself");
}

#[test]
fn a_crashed_worker_comes_back_and_an_outage_of_redis_ends_nothing() {
    let Some(mut lab) = Lab::start() else { return };
    let mut agent = lab.worker();
    agent.reaches("ready");
    let started = |log: String| log.matches("worker process started").count();
    let main = support::children(agent.child.id()).into_iter().next().unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(main), Signal::SIGKILL).unwrap();
    wait("it is started again", || (started(agent.log()) == 2).then_some(()));
    agent.reaches("ready");

    let port = lab.redis.port;
    lab.redis = {
        // The old server ends when it is replaced; the port is free for the new one only then.
        let spare = Redis::start();
        drop(std::mem::replace(&mut lab.redis, spare));
        Redis::start_at(port)
    };
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        assert_ne!(agent.ask("GET", "/v1/worker", "").1["state"], "stopped");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(started(agent.log()), 2, "the worker lives on");
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
}
