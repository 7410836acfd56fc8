//! The local API, over the real program.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use nix::sys::signal::Signal;
use support::{Agent, agent, wait};

fn idle(dir: &std::path::Path) -> Agent {
    Agent::worker(
        dir,
        &["--worker-name", "etl-1@host"],
        &["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done", "celery"],
    )
}

#[test]
fn a_worker_is_asked_drained_and_wanted_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut worker = idle(dir.path());
    let ready = worker.reaches("ready");
    assert_eq!(
        (&ready["worker"], &ready["epoch"], &ready["active"]),
        (&"etl-1@host".into(), &0.into(), &0.into())
    );
    let mode = fs::metadata(dir.path().join("agent.sock")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let (code, status) = worker.ask("POST", "/v1/drain", r#"{"epoch":5}"#);
    assert_eq!((code, &status["state"], &status["epoch"]), (200, &"draining".into(), &5.into()));
    worker.reaches("drained");
    let (_, old) = worker.ask("POST", "/v1/drain", r#"{"epoch":5,"cancel":true}"#);
    assert_eq!(old["state"], "drained", "an epoch that is not newer changes nothing");
    let (_, status) = worker.ask("POST", "/v1/drain", r#"{"epoch":6,"cancel":true}"#);
    assert_eq!(status["epoch"], 6);
    worker.reaches("ready");

    worker.signal(Signal::SIGTERM);
    assert!(worker.ended().success());
    assert!(!dir.path().join("agent.sock").exists());
}

#[test]
fn a_drain_outlives_the_agent() {
    let dir = tempfile::tempdir().unwrap();
    let mut first = idle(dir.path());
    first.reaches("ready");
    first.ask("POST", "/v1/drain", r#"{"epoch":9}"#);
    first.reaches("drained");
    first.signal(Signal::SIGKILL);
    first.ended();
    let second = idle(dir.path());
    let status = second.reaches("drained");
    assert_eq!(status["epoch"], 9);
    second.ask("POST", "/v1/drain", r#"{"epoch":10,"cancel":true}"#);
    second.reaches("ready");
}

#[test]
fn wrong_requests_are_told_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let worker = idle(dir.path());
    worker.reaches("ready");
    let mut seen = Vec::new();
    for (method, path, body) in [
        ("POST", "/v1/drain", "{}"),
        ("PUT", "/v1/trees/Bad/00000001-0123456789ab", ""),
        ("PUT", "/v1/trees/etl/latest", ""),
        ("PUT", "/v1/trees/etl/00000001-0123456789ab", ""),
        ("PUT", "/v1/environments/abc", ""),
    ] {
        let (code, answer) = worker.ask(method, path, body);
        seen.push(format!("{code} {}", answer["reason"].as_str().unwrap()));
    }
    insta::assert_snapshot!(seen.join("\n"), @"
    400 Failed to deserialize the JSON body into the target type: missing field `epoch` at line 1 column 2
    400 `Bad` is not a repository name: expected 1 to 63 of a-z, 0-9, `-` and `_`, the first a letter or digit
    400 `latest` is not a publication id: expected <sequence, 8 digits>-<12 hexadecimal digits of the commit>
    503 this agent has no store (UPDRAFT_STORE)
    400 `abc` is not a sha256 digest: expected 64 lower-case hexadecimal digits
    ");
}

#[test]
fn one_socket_has_one_agent() {
    let dir = tempfile::tempdir().unwrap();
    let first = idle(dir.path());
    first.reaches("ready");
    let second = agent()
        .args(["worker", "--socket"])
        .arg(dir.path().join("agent.sock"))
        .arg("--volume")
        .arg(dir.path().join("volume"))
        .args(["--", "sleep", "1000"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(69));
    let said = String::from_utf8_lossy(&second.stderr).replace(&dir.path().display().to_string(), "DIR");
    insta::assert_snapshot!(said, @"
    error: the agent's API cannot be served: another agent serves DIR/agent.sock
    hint: give each agent a socket of its own
    ");
}

#[test]
fn status_is_printed_for_people_and_programs() {
    let dir = tempfile::tempdir().unwrap();
    let worker = idle(dir.path());
    worker.reaches("ready");
    let socket = dir.path().join("agent.sock");
    let status = |format: &str| {
        let output =
            agent().arg("status").arg("--socket").arg(&socket).args(["--format", format]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    let text = status("text");
    assert!(text.starts_with("etl-1@host is ready and takes tasks for "), "{text}");
    assert!(text.ends_with("\n0 tasks running\nusage: nothing waits for the store\n"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&status("json")).unwrap();
    assert_eq!((&json["schema"], &json["state"]), (&1.into(), &"ready".into()));
    let nobody = agent().args(["status", "--socket", "/nonexistent/agent.sock"]).output().unwrap();
    assert_eq!(nobody.status.code(), Some(69));
    wait("said", || String::from_utf8_lossy(&nobody.stderr).contains("no agent answers").then_some(()));
}
