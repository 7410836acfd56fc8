//! A worker's processes: restart, drain, deadline, orphans, over the real program with small children.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Agent, children, script, wait};

/// A worker that says when it was told to end, and runs a "task": a process with the title of Airflow's
/// task runner, in a session of its own.
fn busy_worker(dir: &Path, task_s: u32) -> String {
    let text = format!(
        "#!/bin/bash\n\
         trap 'date +%s%N > {dir}/terminated; exit 0' TERM\n\
         setsid bash -c 'exec -a \"airflow worker -- 0193-task\" sleep {task_s}' &\n\
         echo w1@host ready.\n\
         touch {dir}/started\n\
         while :; do sleep 0.05; done\n",
        dir = dir.display()
    );
    script(dir, "worker.sh", &text)
}

fn lines(path: &Path) -> usize {
    fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[test]
fn a_worker_that_dies_is_started_again_after_growing_waits() {
    let dir = tempfile::tempdir().unwrap();
    let starts = dir.path().join("starts");
    let command = format!("date +%s%3N >> {}; exit 3", starts.display());
    let mut agent = Agent::worker(dir.path(), &[], &["sh", "-c", &command]);
    wait("three starts", || (lines(&starts) >= 3).then_some(()));
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    let times: Vec<u64> =
        fs::read_to_string(&starts).unwrap().lines().map(|line| line.parse().unwrap()).collect();
    assert!(times[1] - times[0] >= 950, "{times:?}");
    assert!(times[2] - times[1] >= 1_900, "{times:?}");
    assert!(agent.log().contains("the worker died by itself"));
}

#[test]
fn sigterm_waits_for_the_task_and_a_second_one_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let worker = busy_worker(dir.path(), 5);
    let mut agent = Agent::worker(dir.path(), &[], &[&worker]);
    // The task has its title only after its shell became it, which may be after the worker said that it is ready.
    wait("its task runs", || {
        let title = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        children(agent.child.id()).iter().any(|pid| title(pid).starts_with("airflow worker")).then_some(())
    });
    let asked = Instant::now();
    agent.signal(Signal::SIGTERM);
    agent.reaches("draining");
    wait("the task is seen", || (agent.ask("GET", "/v1/worker", "").1["active"] == 1).then_some(()));
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert!(dir.path().join("terminated").exists());
    assert!(asked.elapsed() >= Duration::from_secs(6), "task of 5 s and two idle samples 2 s apart");
    assert!(agent.log().contains("already shutting down"));
}

#[test]
fn at_the_deadline_the_tree_is_ended_and_the_lost_task_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let worker = busy_worker(dir.path(), 300);
    let mut agent = Agent::worker(dir.path(), &["--drain-timeout-s", "3"], &[&worker]);
    wait("the worker runs", || dir.path().join("started").exists().then_some(()));
    let below = wait("its task runs", || {
        let below = children(agent.child.id());
        (below.len() >= 2).then_some(below)
    });
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert!(agent.log().contains("ended with its worker past the drain deadline"));
    assert!(agent.log().contains("0193-task"));
    for pid in below {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is left");
    }
}

#[test]
fn orphans_are_reaped_and_ended_with_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let worker = script(
        dir.path(),
        "worker.sh",
        "#!/bin/bash\ntrap 'exit 0' TERM\n\
         (setsid sh -c 'sleep 0.2' & )\n(setsid sleep 300 & echo $! > forgotten)\n\
         while :; do sleep 0.05; done\n",
    );
    let mut agent = Agent::worker(dir.path(), &[], &[&worker]);
    let forgotten: u32 = wait("the orphan runs", || {
        fs::read_to_string(dir.path().join("forgotten")).ok()?.trim().parse().ok()
    });
    wait("it hangs below the agent, and no zombie does", || {
        let own = |stat: String| stat.split_whitespace().nth(3) == Some(&agent.child.id().to_string());
        let adopted = fs::read_to_string(format!("/proc/{forgotten}/stat")).is_ok_and(own);
        let zombies = children(agent.child.id()).into_iter().filter(|pid| {
            fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
        });
        (adopted && zombies.count() == 0).then_some(())
    });
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert!(!Path::new(&format!("/proc/{forgotten}")).exists());
}

#[test]
fn a_missing_program_is_said_and_ends_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::worker(dir.path(), &[], &["no-such-program"]);
    assert_eq!(agent.ended().code(), Some(69));
    assert!(agent.log().contains("no-such-program"), "{}", agent.log());
}
