//! What people see when something is wrong.

#![allow(clippy::unwrap_used)] // a test may panic

use std::process::{Command, Output};

fn autoscaler(arguments: &[&str], settings: &str) -> (Output, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("pools.toml"), settings).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_updraft-autoscaler"))
        .args(arguments)
        .current_dir(folder.path())
        .env_remove("UPDRAFT_BROKER_URL")
        .env_remove("AIRFLOW__CELERY__BROKER_URL")
        .output()
        .unwrap();
    (output, folder)
}

/// Exit code, stdout and stderr as one text.
fn said(arguments: &[&str], settings: &str) -> String {
    let (output, _folder) = autoscaler(arguments, settings);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    format!("exit {}\n{}{}", output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

const GOOD: &str = r#"
state_dir = "state"
[pools.default]
queues = ["default"]
command = ["updraft-agent", "worker", "--socket", "{socket}", "--", "celery", "-q", "{queues}", "-c", "{slots}", "-H", "{worker}@%h"]
"#;

#[test]
fn lint_finds_what_contradicts_itself() {
    insta::assert_snapshot!(said(&["lint"], r#"
state_dir = "state"
tick_ms = 5
[pools.default]
queues = ["default", "heavy"]
slots_per_worker = 0
min = 5
max = 2
command = ["updraft-agent", "--socket", "{sockte}"]

[pools.Heavy]
queues = ["heavy"]
drain_timeout_s = 60
wait_s = 5
idle_s = 2
command = ["updraft-agent", "worker"]
"#), @"
    exit 1
    pools.toml:3: error: tick_ms is 5, expected 20 to 10000
        hint: 250 is a good value
    pools.toml:5: error: queue heavy is in pool Heavy and in pool default
        hint: each queue belongs to one pool: two would both start workers for the same tasks
    pools.toml:6: error: slots_per_worker of pool default is 0
        hint: at least 1
    pools.toml:7: error: min of pool default is 5, above its max of 2
        hint: min must not exceed max
    pools.toml:9: error: {sockte} is no place in a command: expected {pool}, {worker}, {socket}, {queues} or {slots}
        hint: write {{ for a plain brace
    pools.toml:11: error: `Heavy` is no pool name
        hint: lower case letters, digits and - only
    pools.toml:13: warning: drain_timeout_s of pool Heavy is 60
        hint: tasks that run longer than that on a worker that goes are lost; the default is a day
    pools.toml:14: warning: wait_s of pool Heavy is 5, not above start_s (8), the time a new worker needs
        hint: from zero workers it cannot be kept: raise wait_s or min
    pools.toml:15: warning: idle_s of pool Heavy is 2, below start_s (8)
        hint: workers would go sooner than new ones come: raise idle_s
    pools.toml:16: error: the command of pool Heavy lacks {socket}
        hint: without the agent's socket a worker can neither be watched nor drained
    pools.toml:16: warning: the command of pool Heavy lacks {worker}
        hint: airflow celery worker -q {queues} -c {slots} -H {worker}@%h
    pools.toml:16: warning: the command of pool Heavy lacks {queues}
        hint: airflow celery worker -q {queues} -c {slots} -H {worker}@%h
    pools.toml:16: warning: the command of pool Heavy lacks {slots}
        hint: airflow celery worker -q {queues} -c {slots} -H {worker}@%h
    ");
}

#[test]
fn lint_of_good_settings_says_so() {
    insta::assert_snapshot!(said(&["lint"], GOOD), @"
    exit 0
    pools.toml: no findings
    ");
    insta::assert_snapshot!(said(&["lint", "--format", "json"], GOOD), @r#"
    exit 0
    {"schema":1,"path":"pools.toml","findings":[]}
    "#);
}

#[test]
fn what_is_no_settings_file_is_refused_with_its_line() {
    insta::assert_snapshot!(said(&["run"], "state_dir = \"s\"\n[pools.default\n"), @"
    exit 65
    error: pools.toml:2: unclosed table, expected `]`
    ");
    insta::assert_snapshot!(said(&["run"], "state_dir = \"s\"\n[pools.default]\nqueue = [\"a\"]\n"), @"
    exit 65
    error: pools.toml:3: unknown field `queue`, expected one of `queues`, `slots_per_worker`, `min`, `max`, `wait_s`, `start_s`, `idle_s`, `drain_timeout_s`, `max_starting`, `max_step_down_percent`, `step_pause_s`, `command`, `environment`
    ");
    insta::assert_snapshot!(said(&["run"], "state_dir = \"s\"\n[pools.default]\nqueues = \"a\"\ncommand = []\n"), @r#"
    exit 65
    error: pools.toml:3: invalid type: string "a", expected a sequence
    "#);
    insta::assert_snapshot!(said(&["run", "--config", "other.toml"], ""), @"
    exit 65
    error: other.toml: cannot be read: No such file or directory (os error 2)
    ");
}

#[test]
fn no_broker_is_said_at_the_start() {
    insta::assert_snapshot!(said(&["run"], GOOD), @"
    exit 65
    error: no broker URL: neither [broker] in the settings nor UPDRAFT_BROKER_URL or AIRFLOW__CELERY__BROKER_URL in the environment
      hint: give the same URL as Airflow's [celery] broker_url, for example redis://:password@redis:6379/0
    ");
    let port = testkit::free_port();
    let broker = format!("{GOOD}\n[broker]\nurl = \"redis://:geheim@127.0.0.1:{port}/0\"\n");
    insta::assert_snapshot!(said(&["run"], &broker).replace(&port.to_string(), "PORT"), @"
    exit 69
    error: the broker cannot be used: connecting: the broker at 127.0.0.1:PORT/0 does not answer: Connection refused (os error 111): Connection refused (os error 111)
      hint: check that Redis runs and that host, port and network policy let this machine reach it
    ");
    let broker = format!("{GOOD}\n[broker]\nurl = \"amqp://127.0.0.1\"\n");
    insta::assert_snapshot!(said(&["run"], &broker), @"
    exit 65
    error: the broker cannot be used: the broker's URL is not understood: it names another kind of broker, and only Redis is supported
      hint: expected redis://[user:password@]host[:port][/db], or rediss:// for TLS, as in Airflow's [celery] broker_url
    ");
    let broker = format!("{GOOD}\n[broker]\nurl_env = \"NOT_SET_ANYWHERE\"\n");
    insta::assert_snapshot!(said(&["run"], &broker), @"
    exit 65
    error: no broker URL: the variable NOT_SET_ANYWHERE is not set
      hint: give the same URL as Airflow's [celery] broker_url, for example redis://:password@redis:6379/0
    ");
}

#[test]
fn a_wrong_password_is_said_at_the_start() {
    let redis = testkit::redis::Redis::start();
    let mut plain = redis::Client::open(redis.url.clone()).unwrap().get_connection().unwrap();
    let _: () = redis::cmd("CONFIG").arg(&["SET", "requirepass", "right"]).query(&mut plain).unwrap();
    let broker = format!("{GOOD}\n[broker]\nurl = \"redis://:wrong@127.0.0.1:{}/0\"\n", redis.port);
    insta::assert_snapshot!(said(&["run"], &broker).replace(&redis.port.to_string(), "PORT"), @"
    exit 69
    error: the broker cannot be used: connecting: the broker at 127.0.0.1:PORT/0 refuses access: Password authentication failed - AuthenticationFailed
      hint: check user and password in the URL; an ACL user needs the keys of Airflow's queues, `unacked*`, `_kombu.*` and the `*.celery*` channels
    ");
}

#[test]
fn explain_without_anything_to_explain() {
    insta::assert_snapshot!(said(&["explain", "default"], GOOD), @"
    exit 69
    error: nothing is known about pool default: no autoscaler has run here
      hint: start `updraft-autoscaler run`, or ask now with --live
    ");
    insta::assert_snapshot!(said(&["explain", "other"], GOOD), @"
    exit 65
    error: pools.toml: there is no pool other
      hint: it has default
    ");
}

#[test]
fn a_wrong_command_line_is_usage() {
    assert_eq!(autoscaler(&["walk"], GOOD).0.status.code(), Some(64));
    assert_eq!(autoscaler(&["--version"], GOOD).0.status.code(), Some(0));
}
