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
    insta::assert_snapshot!(printed, @"");
}

fn refusal(arguments: &[&str]) -> String {
    let output = agent().args(arguments).env("NO_COLOR", "1").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    format!("{}\n{}", output.status.code().unwrap(), said.lines().next().unwrap_or_default())
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
    insta::assert_snapshot!(seen.join("\n"), @"");
}
