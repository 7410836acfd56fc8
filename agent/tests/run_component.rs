//! `updraft-agent run`: in the base first, then in the environment of the current publication; start new, end old.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use support::publish::Published;
use support::{Agent, script, wait};

/// Writes where it runs, then waits to be ended. `$0.in` grows by one line a start.
const COMPONENT: &str = "#!/bin/bash\necho \"$(command -v python) $$\" >> \"$0.in\"\n\
    trap 'echo \"ended $$\" >> \"$0.in\"; exit 0' TERM\nwhile :; do sleep 0.05; done\n";

fn told(component: &str) -> Vec<String> {
    fs::read_to_string(format!("{component}.in")).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn start(dir: &Path, published: &Published, component: &str) -> Agent {
    let store = published.url();
    let arguments = [
        "run",
        "--store",
        &store,
        "--repository",
        "etl",
        "--poll-interval-ms",
        "50",
        "--overlap-ms",
        "300",
        "--python",
        "python3",
    ];
    Agent::start(dir, &arguments, &[component])
}

#[test]
fn a_flip_starts_new_and_then_ends_old_and_the_same_environment_restarts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let published = Published::new(&dir.path().join("store"));
    let component = script(dir.path(), "component.sh", COMPONENT);
    let mut agent = start(dir.path(), &published, &component);
    wait("it runs in the base", || (told(&component).len() == 1).then_some(()));
    assert!(!told(&component)[0].contains("/envs/"), "{:?}", told(&component));

    let a = published.environment("python3", "a");
    let first = published.publication(1, &[("a.py", "1")], Some(a));
    published.set_ref(1, Some(&first), None);
    wait("the base's process ended", || (told(&component).len() == 3).then_some(()));
    let lines = told(&component);
    assert!(lines[1].contains(&format!("/envs/{}/bin/python", a.1)), "new first: {lines:?}");
    assert!(lines[2].starts_with("ended"), "{lines:?}");

    let second = published.publication(2, &[("a.py", "2")], Some(a));
    published.set_ref(2, Some(&second), None);
    wait("the second tree is current", || {
        let target = fs::read_link(dir.path().join("volume/current/etl")).ok()?;
        target.ends_with(second.to_string()).then_some(())
    });
    let b = published.environment("python3", "b");
    let third = published.publication(3, &[("a.py", "3")], Some(b));
    published.set_ref(3, Some(&third), None);
    wait("the flip to another environment", || (told(&component).len() == 5).then_some(()));
    assert!(
        told(&component)[3].contains(&format!("/envs/{}/bin/python", b.1)),
        "no restart for the second tree"
    );

    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert_eq!(told(&component).len(), 6);
}

#[test]
fn a_component_that_dies_comes_back_and_one_that_does_not_end_is_ended() {
    let dir = tempfile::tempdir().unwrap();
    let deaf = script(
        dir.path(),
        "deaf.sh",
        "#!/bin/bash\necho start >> \"$0.in\"\n[ $(wc -l < \"$0.in\") = 1 ] && exit 1\ntrap '' TERM\nsetsid sleep 300 & wait\nwhile :; do sleep 1; done\n",
    );
    let mut agent = Agent::start(dir.path(), &["run", "--stop-timeout-s", "1"], &[&deaf]);
    wait("the second start", || (told(&deaf).len() == 2).then_some(()));
    let below = wait("its child", || {
        let below = support::children(agent.child.id());
        (below.len() >= 2).then_some(below)
    });
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    for pid in below {
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "{pid} is left");
    }
}

#[test]
fn a_component_that_cannot_start_ends_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = Agent::start(dir.path(), &["run"], &["no-such-component"]);
    assert_eq!(agent.ended().code(), Some(69));
}
