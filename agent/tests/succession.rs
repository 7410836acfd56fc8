//! An agent after one that was killed: the worker goes on, output and all, or is told of and started anew.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Agent, script, wait};

/// A worker that prints all the time, as Celery does, and fails when it cannot; it runs a "task" with the title of
/// Airflow's task runner in a session of its own, until the file `release` is there.
fn worker(dir: &Path) -> String {
    let text = format!(
        "#!/bin/bash\n\
         trap 'touch {dir}/terminated; exit 0' TERM\n\
         trap '' PIPE\n\
         echo start >> {dir}/starts\n\
         setsid bash -c 'exec -a \"airflow worker -- 0193-task\" sleep 300' &\n\
         task=$!\n\
         n=0\n\
         while :; do\n\
           n=$((n+1))\n\
           echo \"line $n\" || {{ touch {dir}/broken; exit 9; }}\n\
           [ -e {dir}/release ] && kill $task 2>/dev/null\n\
           sleep 0.05\n\
         done\n",
        dir = dir.display()
    );
    script(dir, "worker.sh", &text)
}

fn record(dir: &Path) -> Option<serde_json::Value> {
    serde_json::from_slice(&fs::read(dir.join("agent.sock.worker.json")).ok()?).ok()
}

fn worker_pid(dir: &Path) -> i32 {
    wait("the worker is written down", || record(dir)?["pid"].as_i64()).try_into().unwrap()
}

fn kill_agent(agent: &mut Agent) {
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
}

/// The last number that went through an agent, and whether all before it did, each once.
fn lines(agent: &Agent) -> (usize, bool) {
    let log = agent.log();
    let numbers: Vec<usize> =
        log.lines().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
    let last = numbers.last().copied().unwrap_or(0);
    (last, (1..=last).all(|number| numbers.contains(&number)))
}

#[test]
fn a_killed_agents_worker_is_adopted_drained_and_ended_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path());
    let mut first = Agent::worker(dir.path(), &[], &[&command]);
    wait("its task is seen", || (first.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    let pid = worker_pid(dir.path());
    kill_agent(&mut first);
    let (before, _) = lines(&first);

    let mut second = Agent::worker(dir.path(), &[], &[&command]);
    wait("the task is seen again", || (second.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    wait("its lines come through again, also those of meanwhile", || {
        let (last, whole) = lines(&second);
        (last > before + 10 && whole).then_some(())
    });
    assert_eq!(worker_pid(dir.path()), pid);
    assert_eq!(fs::read_to_string(dir.path().join("starts")).unwrap(), "start\n", "no second one beside it");
    assert!(!dir.path().join("broken").exists());
    second.signal(Signal::SIGTERM);
    second.reaches("draining");
    fs::write(dir.path().join("release"), "").unwrap();
    assert!(second.ended().success());
    assert!(dir.path().join("terminated").exists(), "ended in order");
    assert!(!runs(pid));
    assert!(record(dir.path()).is_none(), "nothing is left to adopt");
    assert!(second.log().contains("its worker is adopted"));
}

#[test]
fn at_the_deadline_the_adopted_tree_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path());
    let mut first = Agent::worker(dir.path(), &[], &[&command]);
    wait("its task is seen", || (first.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    let pid = worker_pid(dir.path());
    kill_agent(&mut first);
    let mut second = Agent::worker(dir.path(), &["--drain-timeout-s", "2"], &[&command]);
    wait("the task is seen again", || (second.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    second.signal(Signal::SIGTERM);
    assert!(second.ended().success());
    assert!(second.log().contains("ended with its worker past the drain deadline"));
    assert!(!runs(pid));
    assert!(!titles().any(|title| title.contains(&format!("{}/worker.sh", dir.path().display()))));
}

#[test]
fn when_both_were_killed_leftovers_are_named_and_a_worker_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path());
    let mut first = Agent::worker(dir.path(), &[], &[&command]);
    wait("its task is seen", || (first.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    let pid = worker_pid(dir.path());
    kill_agent(&mut first);
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    let mut second = Agent::worker(dir.path(), &[], &[&command]);
    wait("a second start", || {
        (fs::read_to_string(dir.path().join("starts")).ok()? == "start\nstart\n").then_some(())
    });
    assert!(second.log().contains("left behind by a task of a killed worker"), "{}", second.log());
    assert!(second.log().contains("airflow worker -- 0193-task"));
    let (last, whole) = lines(&second);
    assert!(whole && last > 0);
    second.signal(Signal::SIGKILL);
    second.ended();
    // The third finds the worker of the second, and what the first one's left: all of it goes with it.
    let mut third = Agent::worker(dir.path(), &["--drain-timeout-s", "1"], &[&command]);
    third.reaches("ready");
    third.signal(Signal::SIGTERM);
    assert!(third.ended().success());
    let mark = dir.path().join("agent.sock.worker.json").display().to_string();
    assert!(!environments().any(|environment| environment.contains(&mark)), "a process is left");
}

/// What has ended and waits for init to notice runs no more.
fn runs(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn each(name: &str) -> impl Iterator<Item = String> {
    fs::read_dir("/proc").unwrap().flatten().filter_map(move |entry| {
        entry.file_name().to_str()?.parse::<u32>().ok()?;
        Some(String::from_utf8_lossy(&fs::read(entry.path().join(name)).ok()?).replace('\0', " "))
    })
}

fn titles() -> impl Iterator<Item = String> {
    each("cmdline")
}

fn environments() -> impl Iterator<Item = String> {
    each("environ")
}
