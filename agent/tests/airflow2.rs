//! Two environments rolled under a running task, on a real `airflow celery worker` of Airflow 2.
//! `UPDRAFT_TEST_AIRFLOW2` names a venv with it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed step of a test is a failed test")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use nix::sys::signal::Signal;
use support::publish::Published;
use support::{Agent, wait};
use testkit::redis::Redis;

/// Slots of the worker.
const SLOTS: usize = 3;

/// Says which code it is and where it runs, then lives as long as the run's configuration says.
const DAG: &str = r#"
import datetime as dt, sys, time
from airflow import DAG
from airflow.decorators import task
from version import VERSION

with DAG("lab", schedule=None, start_date=dt.datetime(2024, 1, 1), catchup=False):
    @task
    def where(dag_run=None):
        print("CODE", VERSION, "IN", sys.prefix, flush=True)
        for tick in range(dag_run.conf["seconds"]):
            print("tick", tick, flush=True)
            time.sleep(1)
    where()
"#;

/// A run of the DAG and a message for its task, as the scheduler sends it.
const SEND: &str = r#"
import sys
from airflow.models import DagBag
from airflow.utils import timezone
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from airflow.providers.celery.executors.celery_executor_utils import app

run, seconds = sys.argv[1], int(sys.argv[2])
dag = DagBag(include_examples=False, read_dags_from_db=False).get_dag("lab")
with create_session() as session:
    dag.sync_to_db(session=session)
    dag_run = dag.create_dagrun(run_id=run, state=DagRunState.RUNNING, execution_date=timezone.utcnow(),
        conf={"seconds": seconds}, run_type=DagRunType.MANUAL,
        data_interval=(timezone.utcnow(), timezone.utcnow()), session=session)
    for instance in dag_run.get_task_instances(session=session):
        instance.state, instance.try_number, instance.queued_dttm = "queued", 1, timezone.utcnow()
words = ["airflow", "tasks", "run", "lab", "where", run, "--local", "--subdir", "DAGS_FOLDER/lab.py"]
app.send_task("execute_command", args=[words], queue="default")
"#;

struct Lab {
    venv: PathBuf,
    redis: Redis,
    dir: tempfile::TempDir,
    published: Published,
}

impl Lab {
    fn start() -> Option<Self> {
        let Some(venv) = std::env::var_os("UPDRAFT_TEST_AIRFLOW2").map(PathBuf::from) else {
            println!("skipped: UPDRAFT_TEST_AIRFLOW2 names no venv with Airflow 2");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let published = Published::new(&dir.path().join("store"));
        let lab = Self { venv, redis: Redis::start(), dir, published };
        lab.airflow(&["db", "migrate"], None);
        Some(lab)
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn variables(&self) -> Vec<(&'static str, String)> {
        let home = self.dir.path().display();
        vec![
            ("AIRFLOW_HOME", home.to_string()),
            ("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor".into()),
            ("AIRFLOW__CORE__LOAD_EXAMPLES", "False".into()),
            // SQLite is enough for one task at a time.
            ("_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK", "1".into()),
            ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", format!("sqlite:///{home}/airflow.db")),
            ("AIRFLOW__CELERY__BROKER_URL", self.redis.url.clone()),
            ("AIRFLOW__CELERY__RESULT_BACKEND", format!("db+sqlite:///{home}/results.db")),
            ("AIRFLOW__CELERY__WORKER_CONCURRENCY", SLOTS.to_string()),
            ("AIRFLOW__LOGGING__BASE_LOG_FOLDER", format!("{home}/logs")),
        ]
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.venv.join("bin").join(program));
        command.envs(self.variables()).current_dir(self.dir.path());
        command
    }

    fn airflow(&self, arguments: &[&str], dags: Option<&Path>) {
        let mut command = self.command("airflow");
        if let Some(dags) = dags {
            command.env("AIRFLOW__CORE__DAGS_FOLDER", dags);
        }
        let output = command.args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    fn worker(&self) -> Agent {
        let pairs: Vec<String> =
            self.variables().iter().map(|(name, value)| format!("{name}={value}")).collect();
        let python = self.venv.join("bin/python").display().to_string();
        let (store, logs) = (self.published.url(), self.path("logs"));
        let remote = format!("file://{}", self.path("remote"));
        let mut command = vec!["env"];
        command.extend(pairs.iter().map(String::as_str));
        let slots = SLOTS.to_string();
        command.extend(["airflow", "celery", "worker", "-q", "default", "-c", &slots, "--skip-serve-logs"]);
        let arguments = [
            "--python",
            &python,
            "--broker-url",
            &self.redis.url,
            "--worker-name",
            "w1@%h",
            "--store",
            &store,
            "--repository",
            "etl",
            "--poll-interval-ms",
            "100",
            "--base-log-folder",
            &logs,
            "--remote-log-folder",
            &remote,
        ];
        Agent::worker(self.dir.path(), &arguments, &command)
    }

    /// Publishes code of this version with an environment of the base.
    fn publish(&self, version: u64, environment: &str) -> String {
        let python = self.venv.join("bin/python").display().to_string();
        let environment = self.published.environment(&python, environment);
        let code = format!("VERSION = {version}\n");
        let id = self.published.publication(
            version,
            &[("dags/lab.py", DAG), ("dags/version.py", &code)],
            Some(environment),
        );
        self.published.set_ref(version, Some(&id), None);
        environment.1.to_string()
    }

    fn run_task(&self, run: &str, seconds: u32, link: &Path) {
        let mut command = self.command("python");
        command.env("AIRFLOW__CORE__DAGS_FOLDER", link).args(["-c", SEND, run, &seconds.to_string()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// What of a run's log is in the log store.
    fn shipped(&self, run: &str) -> String {
        let folder = self.dir.path().join(format!("remote/dag_id=lab/run_id={run}/task_id=where"));
        let mut parts: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().flatten().map(|part| part.path()).collect();
        parts.retain(|part| part.display().to_string().contains("attempt=1.log."));
        parts.sort();
        parts.iter().map(|part| fs::read_to_string(part).unwrap_or_default()).collect()
    }
}

/// Pool processes by node name.
fn pools(agent: u32) -> BTreeMap<String, usize> {
    let title = |pid: &i32| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let titles: BTreeMap<i32, String> = support::children(agent)
        .iter()
        .map(|pid| (*pid, String::from_utf8_lossy(&title(pid)).into_owned()))
        .collect();
    let parent = |pid: i32| -> Option<i32> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat[stat.rfind(')')? + 1..].split_whitespace().nth(1)?.parse().ok()
    };
    let mut pools = BTreeMap::new();
    for pid in titles.keys() {
        let main = parent(*pid)
            .and_then(|parent| titles.get(&parent))
            .filter(|title| title.contains(":MainProcess"));
        if let Some(node) = main.and_then(|title| title.strip_prefix("[celeryd: ")?.split(':').next()) {
            *pools.entry(node.to_owned()).or_default() += 1;
        }
    }
    pools
}

#[test]
fn two_environments_are_rolled_under_a_running_task() {
    let Some(lab) = Lab::start() else { return };
    let first = lab.publish(1, "a");
    let mut agent = lab.worker();
    let status = agent.reaches("ready");
    let node = status["worker"].as_str().unwrap().to_owned();
    let host = node.strip_prefix("w1@").unwrap().to_owned();
    let link = |generation: u32| lab.dir.path().join(format!("volume/workers/{node}/g{generation}/dags"));
    lab.run_task("r1", 45, &link(1));
    wait("the log is shipped while the task runs", || lab.shipped("r1").contains("tick 1").then_some(()));
    assert!(lab.shipped("r1").contains(&format!("CODE 1 IN {}/envs/{first}", lab.path("volume"))));

    let (over, pid) = (AtomicBool::new(false), agent.child.id());
    std::thread::scope(|scope| {
        let largest = scope.spawn(|| {
            let mut largest = 0;
            while !over.load(Ordering::Relaxed) {
                largest = largest.max(pools(pid).values().sum());
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            largest
        });
        lab.publish(2, "a");
        wait("new code of the same environment", || {
            fs::read_to_string(link(1).join("version.py")).unwrap().contains('2').then_some(())
        });
        let begun = Instant::now();
        let second = lab.publish(3, "b");
        let later = format!("w1.g2@{host}");
        wait("the next generation serves", || {
            (agent.log().contains("takes tasks now") && pools(pid).contains_key(&later) && link(2).exists())
                .then_some(())
        });
        wait("it takes tasks", || (agent.log().matches("takes tasks now").count() == 2).then_some(()));
        println!("from the flip to the next generation: {} ms", begun.elapsed().as_millis());
        assert!(fs::read_to_string(link(1).join("version.py")).unwrap().contains('2'), "old code stays");
        lab.run_task("r2", 1, &link(2));
        wait("the next task ended", || lab.shipped("r2").contains("return code 0").then_some(()));
        assert!(lab.shipped("r2").contains(&format!("CODE 3 IN {}/envs/{second}", lab.path("volume"))));
        assert!(pools(pid).contains_key(&node), "the first task still runs: {:?}", pools(pid));
        wait("the first task ended by itself", || lab.shipped("r1").contains("return code 0").then_some(()));
        assert!(lab.shipped("r1").contains("tick 44"));
        wait("all slots are the next generation's", || {
            (pools(pid) == BTreeMap::from([(later.clone(), SLOTS)])).then_some(())
        });
        over.store(true, Ordering::Relaxed);
        let largest = largest.join().unwrap();
        println!("largest number of pool processes: {largest} of {SLOTS}");
        assert!(largest <= SLOTS);
    });
    assert!(!link(1).exists() && link(2).exists());
    assert_eq!(agent.ask("GET", "/v1/worker", "").1["worker"], node.as_str());
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert!(support::children(pid).is_empty());
}
