//! Settings as people see them: sources, help, refusals.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use support::agent;

#[test]
fn each_setting_says_where_it_comes_from() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("agent.toml");
    std::fs::write(&config, "drain_timeout_s = 60\nrepository = [\"etl\", \"ml\"]\npool = \"file\"\n")
        .unwrap();
    let output = agent()
        .args(["worker", "--print-config", "--pool", "heavy", "--config"])
        .arg(&config)
        .args(["--", "airflow", "celery", "worker"])
        .env("UPDRAFT_STORE", "file:///s")
        .env("UPDRAFT_BROKER_URL", "redis://:secret@host/0")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let printed =
        String::from_utf8(output.stdout).unwrap().replace(&config.display().to_string(), "agent.toml");
    insta::assert_snapshot!(printed, @"
    admin is not set
    base_log_folder is not set
    broker_url = (hidden)  (environment)
    cluster = local  (default)
    command = airflow celery worker  (flag)
    config = agent.toml  (flag)
    costs_token is not set
    costs_url is not set
    cpu_milli is not set
    dags_subdir = dags  (default)
    delete_local_logs = false  (default)
    drain_timeout_s = 60  (file)
    log = info  (default)
    log_format = auto  (default)
    memory_bytes is not set
    mode = auto  (default)
    poll_interval_ms = 2000  (default)
    pool = heavy  (flag)
    python is not set
    ready_timeout_s = 180  (default)
    reference = main  (default)
    release = default  (default)
    remote_log_folder is not set
    repository = etl ml  (file)
    socket is not set
    state_dir is not set
    store = file:///s  (environment)
    stuck_after_s = 600  (default)
    usage_sample_ms = 1000  (default)
    volume = /updraft  (default)
    volume_high_bytes = 42949672960  (default)
    volume_keep_s = 86400  (default)
    volume_low_bytes = 34359738368  (default)
    worker_name is not set
    ");
}

fn refusal(arguments: &[&str]) -> String {
    let output = agent().args(arguments).env("NO_COLOR", "1").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    format!(
        "{}\n{}",
        output.status.code().unwrap(),
        said.lines().filter(|line| line.contains(": ")).collect::<Vec<_>>().join("\n")
    )
}

#[test]
fn what_is_wrong_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("agent.toml");
    let path = config.display().to_string();
    let mut seen = vec![
        refusal(&["worker"]),
        refusal(&["worker", "--repository", "../x", "--", "airflow"]),
        refusal(&["worker", "--config", "/nonexistent.toml", "--", "airflow"]),
        refusal(&["worker", "--volume", "v", "--repository", "etl", "--python", "python3", "--", "airflow"]),
        refusal(&["worker", "--volume", "v", "--store", "ftp://x", "--python", "python3", "--", "airflow"]),
        refusal(&["worker", "--volume", "v", "--python", "no-such-python", "--", "airflow"]),
    ];
    for text in ["pool = ", "no_such = 1", "pool = 2026-01-01"] {
        std::fs::write(&config, text).unwrap();
        seen.push(refusal(&["worker", "--config", &path, "--", "airflow"]).replace(&path, "agent.toml"));
    }
    drop(std::fs::remove_dir_all("v"));
    insta::assert_snapshot!(seen.join("\n"), @"
    64
    error: the following required arguments were not provided:
    Usage: updraft-agent worker -- <COMMAND>...
    64
    error: invalid value '../x' for '--repository <NAME>': `../x` is not a repository name: expected 1 to 63 of a-z, 0-9, `-` and `_`, the first a letter or digit
    64
    error: the configuration file /nonexistent.toml cannot be read: No such file or directory (os error 2)
    64
    error: repositories are followed, but no store is named; set --store or UPDRAFT_STORE
    64
    error: the store cannot be opened: `ftp://x` is not an object store address: it starts with neither s3:// nor file://
    hint: use s3://bucket/prefix or file:///directory
    64
    error: the environments of this machine are unknown: the base cannot be described: there is no Python interpreter `no-such-python`
    hint: name an interpreter: /usr/bin/python3, or bin/python of a venv
    64
    error: the configuration file agent.toml is no TOML: TOML parse error at line 1, column 8
    64
    error: the configuration file agent.toml: `no_such` is no setting of `worker`
    64
    error: the configuration file agent.toml: `pool` is neither text, number, boolean nor a list of these
    ");
}
