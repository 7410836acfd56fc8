//! Process mode over the real program and a real Redis, with a small program in the place of Airflow's worker.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use serde_json::Value;
use support::publish::Published;
use support::{Agent, wait};
use testkit::redis::Redis;

const SLOTS: u32 = 3;
const WORKER: &str = include_str!("support/fake_worker.py");

struct World {
    dir: tempfile::TempDir,
    redis: Redis,
    published: Published,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["queue", "taken", "slots", "logs"] {
            fs::create_dir(dir.path().join(folder)).unwrap();
        }
        fs::write(dir.path().join("worker.py"), WORKER).unwrap();
        let published = Published::new(&dir.path().join("store"));
        Self { redis: Redis::start(), published, dir }
    }

    fn path(&self, name: &str) -> String {
        self.dir.path().join(name).display().to_string()
    }

    fn agent(&self) -> Agent {
        let (store, logs, remote) =
            (self.published.url(), self.path("logs"), format!("file://{}", self.path("remote")));
        let arguments = [
            "--mode",
            "process",
            "--python",
            "python3",
            "--store",
            &store,
            "--repository",
            "etl",
            "--broker-url",
            &self.redis.url,
            "--poll-interval-ms",
            "50",
            "--worker-name",
            "w1@pod",
            "--base-log-folder",
            &logs,
            "--remote-log-folder",
            &remote,
            "--drain-timeout-s",
            "60",
        ];
        let (home, redis) = (
            format!("FAKE_HOME={}", self.dir.path().display()),
            format!("FAKE_REDIS=127.0.0.1:{}", self.redis.port),
        );
        let slots = SLOTS.to_string();
        let worker = self.path("worker.py");
        Agent::worker(self.dir.path(), &arguments, &["env", &home, &redis, "python3", &worker, "-c", &slots])
    }

    /// Code of this version with an environment of this name; answers the environment's id.
    fn publish(&self, version: u64, environment: &str) -> String {
        let environment = self.published.environment("python3", environment);
        let code = version.to_string();
        let files = [("dags/lab.py", "pass\n"), ("dags/version.py", code.as_str())];
        let id = self.published.publication(version, &files, Some(environment));
        self.published.set_ref(version, Some(&id), None);
        environment.1.to_string()
    }

    fn queue(&self, run: &str, seconds: u32) {
        fs::write(self.dir.path().join(format!("queue/{run}.{seconds}")), "").unwrap();
    }

    /// What of a run's log is in the log store.
    fn shipped(&self, run: &str) -> String {
        let folder = self.dir.path().join(format!("remote/dag_id=lab/run_id={run}/task_id=where"));
        let parts = fs::read_dir(folder).into_iter().flatten().flatten().map(|part| part.path());
        let parts = parts.filter(|part| part.display().to_string().contains("attempt=1.log."));
        parts.map(|part| fs::read_to_string(part).unwrap_or_default()).collect()
    }

    fn runs(&self, run: &str) -> String {
        wait(&format!("{run} runs"), || {
            let log = self.shipped(run);
            log.contains("code").then_some(log)
        })
    }

    fn ends(&self, run: &str) {
        wait(&format!("{run} ended"), || self.shipped(run).contains("return code 0").then_some(()));
    }

    /// Slots by node name.
    fn slots(&self) -> Vec<(String, u32)> {
        let mut slots = Vec::new();
        for file in fs::read_dir(self.dir.path().join("slots")).unwrap().flatten() {
            let node = file.file_name().into_string().unwrap();
            // A worker that ends meanwhile has none.
            slots.extend(fs::read_to_string(file.path()).ok().and_then(|n| Some((node, n.parse().ok()?))));
        }
        slots.sort();
        slots
    }

    fn has_slots(&self, expected: &[(&str, u32)]) {
        let expected: Vec<_> = expected.iter().map(|(node, slots)| ((*node).to_owned(), *slots)).collect();
        wait(&format!("slots {expected:?}"), || {
            let slots = self.slots();
            assert!(slots.iter().map(|(_, slots)| slots).sum::<u32>() <= SLOTS, "{slots:?}");
            (slots == expected).then_some(())
        });
    }
}

fn reason(agent: &Agent) -> Value {
    agent.ask("GET", "/v1/worker", "").1["reason"].clone()
}

#[test]
fn a_flip_rolls_under_a_running_task() {
    let world = World::new();
    let agent = world.agent();
    wait("it says why it waits", || (reason(&agent) == "no publication is usable here yet").then_some(()));
    let a = world.publish(1, "a");
    agent.reaches("ready");
    world.has_slots(&[("w1@pod", 3)]);
    world.queue("long", 12);
    assert_eq!(world.runs("long"), format!("node w1@pod environment {a} code 1\n"));

    world.publish(2, "a");
    wait("code of the same environment moves", || {
        let code = fs::read_to_string(world.path("volume/workers/w1@pod/g1/dags/version.py"));
        (code.ok()? == "2").then_some(())
    });
    world.queue("short", 0);
    assert!(world.runs("short").contains(&format!("environment {a} code 2")));

    let b = world.publish(3, "b");
    world.has_slots(&[("w1.g2@pod", 2), ("w1@pod", 1)]);
    world.queue("next", 0);
    assert!(world.runs("next").starts_with(&format!("node w1.g2@pod environment {b} code 3")));
    assert!(!world.shipped("long").contains("return code"), "the old task still runs");
    assert_eq!(agent.ask("GET", "/v1/worker", "").1["active"], 1);
    world.ends("long");
    world.has_slots(&[("w1.g2@pod", 3)]);
    assert!(!Path::new(&world.path("volume/workers/w1@pod/g1/dags")).exists());
    assert_eq!(reason(&agent), Value::Null);
}

#[test]
fn an_environment_that_does_not_start_is_taken_back_and_told() {
    let world = World::new();
    let agent = world.agent();
    let a = world.publish(1, "a");
    agent.reaches("ready");
    let broken = world.published.environment("python3", "broken").1.to_string();
    fs::write(world.path("broken"), broken).unwrap();
    world.publish(2, "broken");
    let told = wait("it is told", || {
        reason(&agent).as_str().map(str::to_owned).filter(|text| text.contains("not run here"))
    });
    assert!(told.contains("00000002-"), "{told}");
    world.has_slots(&[("w1@pod", 3)]);
    world.queue("after", 0);
    assert!(world.runs("after").starts_with(&format!("node w1@pod environment {a} code 1")));
    assert_eq!(agent.log().matches("does not run in the new environment").count(), 1);

    let b = world.publish(3, "b");
    world.has_slots(&[("w1.g3@pod", 3)]);
    world.queue("next", 0);
    assert!(world.runs("next").starts_with(&format!("node w1.g3@pod environment {b} code 3")));
    assert_eq!(reason(&agent), Value::Null);
}

#[test]
fn a_drain_and_a_stop_concern_every_generation() {
    let world = World::new();
    let mut agent = world.agent();
    world.publish(1, "a");
    agent.reaches("ready");
    world.queue("long", 10);
    world.runs("long");
    world.publish(2, "b");
    world.has_slots(&[("w1.g2@pod", 2), ("w1@pod", 1)]);
    agent.ask("POST", "/v1/drain", r#"{"epoch":1}"#);
    let status = agent.reaches("draining");
    assert_eq!((&status["epoch"], &status["worker"]), (&1.into(), &"w1@pod".into()));
    world.ends("long");
    agent.reaches("drained");
    world.queue("waits", 0);
    agent.ask("POST", "/v1/drain", r#"{"epoch":2,"cancel":true}"#);
    agent.reaches("ready");
    assert!(world.runs("waits").starts_with("node w1.g2@pod"));
    world.queue("last", 3);
    world.runs("last");
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    world.ends("last");
    assert!(support::children(agent.child.id()).is_empty() && world.slots().is_empty());
}

#[test]
fn a_worker_with_a_drain_behind_it_stays_drained() {
    let world = World::new();
    world.publish(1, "a");
    fs::write(world.path("agent.sock.drain.json"), r#"{"epoch":7,"cancelled":false,"drained":true}"#)
        .unwrap();
    let agent = world.agent();
    agent.reaches("drained");
    agent.ask("POST", "/v1/drain", r#"{"epoch":8,"cancel":true}"#);
    agent.reaches("ready");
    assert_eq!(agent.ask("GET", "/v1/worker", "").1["epoch"], 8);
}
