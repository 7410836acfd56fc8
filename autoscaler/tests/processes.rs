//! The whole autoscaler against a real Redis, with fake agents as child processes.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

mod support;

use std::path::Path;

use nix::sys::signal::Signal;
use support::{Site, autoscaler, fake_agent, records};

/// Not a test: what the autoscaler under test starts as a worker agent.
#[tokio::test]
async fn the_fake_agent() {
    if let Ok(socket) = std::env::var(fake_agent::SOCKET) {
        fake_agent::run(Path::new(&socket)).await;
    }
}

const QUICK: &str =
    "slots_per_worker = 2\nmax = 3\nidle_s = 1\nstep_pause_s = 1\nstart_s = 1\nmax_step_down_percent = 100";

#[test]
fn from_zero_to_the_maximum_and_back_to_zero() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    site.until("the first look", |site| site.snapshot()["at_ms"].as_u64() > Some(0));
    assert!(site.workers().is_empty());
    for n in 0..8 {
        site.send(if n % 2 == 0 { "default" } else { "heavy" }, &format!("a-{n}"));
    }
    site.until("all slots work", |site| site.lines("started").len() == 6);
    site.until("the maximum is there", |site| site.workers().len() == 3);
    site.release("a");
    site.until("all tasks are done", |site| site.lines("done").len() == 8);
    site.until("no worker is left", |site| site.workers().is_empty() && site.counter("drained") == 3);
    assert_eq!((site.counter("started"), site.counter("crashed"), site.counter("overdue")), (3, 0, 0));
    assert!(site.lines("lost").is_empty());
    assert!(records(&site.path("state/default/workers")).is_empty());
    let explained = autoscaler(&["explain", "default", "--config"]).arg(site.config()).output().unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.starts_with("pool default: wanted 0, there 0, live 0 (min 0, max 3)"), "{explained}");
    assert!(site.end(Signal::SIGTERM).success());
}

#[test]
fn a_draining_worker_is_taken_back_and_keeps_its_task() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    for id in ["one-1", "one-2", "oneB-1", "oneB-2"] {
        site.send("default", id);
    }
    site.until("two workers have two tasks each", |site| site.lines("started").len() == 4);
    site.release("one");
    site.until("one of them drains with its task", |site| {
        site.workers().iter().any(|worker| worker.ends_with("draining 1"))
    });
    site.send("default", "x-1");
    site.send("default", "x-2");
    site.until("it is taken back", |site| site.counter("undrained") == 1);
    site.until("both work on", |site| site.lines("started").len() == 6);
    site.release("x");
    site.release("oneB");
    site.until("no worker is left", |site| site.workers().is_empty() && site.lines("done").len() == 6);
    assert_eq!(site.counter("started"), 2);
    assert!(site.lines("lost").is_empty());
}

#[test]
fn a_crashed_agent_is_noticed_and_started_again_under_its_name() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    site.send("default", "crash-1");
    site.until("it is started again", |site| site.counter("restarted") == 1);
    site.send("default", "a-1");
    site.release("a");
    site.until("it works", |site| site.lines("done") == ["a-1"]);
    assert!(site.log().contains("its agent was killed"), "{}", site.log());
    assert_eq!((site.counter("started"), site.counter("crashed")), (1, 0));
}

#[test]
fn a_killed_agent_comes_back_also_when_nobody_looked_or_it_was_ending() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    site.send("default", "a-1");
    site.until("the task runs", |site| site.workers().iter().any(|worker| worker.ends_with("ready 1")));
    let workers = site.path("state/default/workers");
    let before = records(&workers);
    kill_agent(&before[0]);
    site.until("it is started again", |site| {
        records(&site.path("state/default/workers")).iter().any(|record| {
            record["pid"].is_number()
                && record["pid"] != before[0]["pid"]
                && record["worker"] == before[0]["worker"]
        })
    });
    site.end(Signal::SIGKILL);
    // Killed with nobody there to see it, after it had been told to end.
    // Beside it a second one may be about to start.
    let same = |record: &serde_json::Value| record["worker"] == before[0]["worker"];
    let mut record = records(&workers).into_iter().find(same).unwrap();
    kill_agent(&record);
    record["stopping_ms"] = 1.into();
    let path = workers.join(format!("{}.json", record["worker"].as_str().unwrap()));
    std::fs::write(&path, record.to_string()).unwrap();
    site.run(&[]);
    site.until("it is started, told again and gone", |_| !path.exists());
    assert!(site.log().contains("ended as asked"), "{}", site.log());
    assert_eq!(site.counter("crashed"), 0, "{}", site.log());
}

fn kill_agent(record: &serde_json::Value) {
    let pid = i32::try_from(record["pid"].as_i64().unwrap()).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn a_killed_autoscaler_is_succeeded_by_one_that_adopts_its_workers() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    site.send("default", "a-1");
    site.until("the task runs", |site| site.workers().iter().any(|worker| worker.ends_with("ready 1")));
    let before = site.workers();
    site.end(Signal::SIGKILL);
    // As if it had died between starting the process and writing its pid down.
    let record =
        std::fs::read_dir(site.path("state/default/workers")).unwrap().next().unwrap().unwrap().path();
    let mut content: serde_json::Value = serde_json::from_slice(&std::fs::read(&record).unwrap()).unwrap();
    (content["pid"], content["start_ticks"]) = (serde_json::Value::Null, serde_json::Value::Null);
    std::fs::write(&record, content.to_string()).unwrap();

    site.run(&[]);
    site.until("it is adopted", |site| site.log().contains("adopted"));
    site.until("it is seen again", |site| site.workers() == before);
    assert_eq!(site.counter("started"), 1);
    site.release("a");
    site.until("no worker is left", |site| site.workers().is_empty() && site.lines("done") == ["a-1"]);
    assert!(site.lines("lost").is_empty());
}

#[test]
fn a_lost_broker_holds_everything() {
    let mut site = Site::new(QUICK);
    site.run(&[]);
    site.send("default", "a-1");
    site.until("the task runs", |site| site.workers().iter().any(|worker| worker.ends_with("ready 1")));
    site.stop_redis();
    site.until("it is said", |site| site.log().contains("holding"));
    site.until("the snapshot says so", |site| site.snapshot()["plan"]["wanted"].is_null());
    assert_eq!(site.workers().len(), 1);
    site.start_redis();
    site.until("it is seen again", |site| site.log().contains("the broker answers again"));
    assert_eq!((site.counter("drained"), site.counter("crashed")), (0, 0));
}

#[test]
fn a_drain_over_its_limit_is_counted_and_ended() {
    let mut site = Site::new(&format!("{QUICK}\ndrain_timeout_s = 1"));
    site.run(&[]);
    for id in ["one-1", "one-2", "oneB-1", "oneB-2"] {
        site.send("default", id);
    }
    site.until("two workers have two tasks each", |site| site.lines("started").len() == 4);
    site.release("one");
    site.until("the drain is over its limit", |site| site.counter("overdue") == 1);
    site.until("the agent named what was lost", |site| site.lines("lost") == ["1 tasks"]);
}

#[test]
fn the_end_leaves_workers_or_drains_them() {
    let mut site = Site::new(QUICK);
    site.run(&["--stop-workers"]);
    site.send("default", "a-1");
    site.until("the task runs", |site| site.lines("started").len() == 1);
    let again = autoscaler(&["run", "--config"]).arg(site.config()).output().unwrap();
    assert_eq!(again.status.code(), Some(75), "one autoscaler per state");
    site.release("a");
    assert!(site.end(Signal::SIGTERM).success());
    assert!(records(&site.path("state/default/workers")).is_empty());
    assert_eq!((site.lines("done").len(), site.lines("lost").len()), (1, 0));

    site.run(&[]);
    site.send("default", "b-1");
    site.until("the next task runs", |site| site.lines("started").len() == 2);
    assert!(site.end(Signal::SIGTERM).success());
    assert_eq!(records(&site.path("state/default/workers")).len(), 1);
}

#[test]
fn probes_and_metrics_are_served() {
    let port = testkit::free_port();
    let mut site = Site::new(QUICK);
    site.listen(port);
    site.run(&[]);
    site.send("default", "a-1");
    site.until("the task runs", |site| site.workers().iter().any(|worker| worker.ends_with("ready 1")));
    assert!(get(port, "/livez").starts_with("HTTP/1.1 200"));
    assert!(get(port, "/readyz").starts_with("HTTP/1.1 200"));
    let metrics = get(port, "/metrics");
    assert!(metrics.contains(r#"updraft_autoscaler_workers{pool="default",phase="ready"} 1"#), "{metrics}");
    site.stop_redis();
    site.until("not ready without a broker", |_| get(port, "/readyz").starts_with("HTTP/1.1 503"));
    assert!(get(port, "/livez").starts_with("HTTP/1.1 200"), "restarting would not help");
}

fn get(port: u16, path: &str) -> String {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
