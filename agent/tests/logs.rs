//! Task logs: from the worker's own lines to parts in the log store, while the task runs.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;
use support::{Agent, script, wait};

const LOG: &str = "dag_id=etl/run_id=manual__1/task_id=fit/attempt=1.log";

/// Says what Airflow's worker says around a task, and writes the task's log. Goes on when `go` exists. Started again, it
/// has no task: Airflow gives a lost one to nobody under the same id.
fn worker(dir: &Path) -> String {
    let text = format!(
        "#!/bin/bash\ntrap 'exit 0' TERM\n\
         echo \"remote logging is $AIRFLOW__LOGGING__REMOTE_LOGGING\" > {dir}/variables\n\
         echo \"w1@host ready.\"\n\
         while [ -e '{dir}/logs/{LOG}' ]; do sleep 0.05; done\n\
         echo \"[c1] Executing workload in Celery: ti=TaskInstanceDTO(id=UUID('0193-aa'), task_id='fit', dag_id='etl', \
         run_id='manual__1', try_number=1, map_index=-1) log_path='{LOG}' type='ExecuteTask'\"\n\
         mkdir -p {dir}/logs/$(dirname '{LOG}')\n\
         echo first > '{dir}/logs/{LOG}'\n\
         while [ ! -e {dir}/go ]; do sleep 0.05; done\n\
         printf 'second\\nno newline' >> '{dir}/logs/{LOG}'\n\
         echo \"Workload finished exit_code=0 final_state=success workload_id=0193-aa\"\n\
         while :; do sleep 0.05; done\n",
        dir = dir.display()
    );
    script(dir, "worker.sh", &text)
}

/// What Airflow's reader merges: all parts in the order of their names.
fn shipped(dir: &Path) -> String {
    let folder = dir.join("remote").join(LOG);
    let mut parts: Vec<_> = fs::read_dir(folder.parent().unwrap())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("attempt=1.log."))
        .collect();
    parts.sort();
    parts.iter().map(|part| fs::read_to_string(part).unwrap_or_default()).collect()
}

#[test]
fn a_log_is_in_the_store_while_its_task_runs_and_whole_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path());
    let remote = format!("file://{}/remote", dir.path().display());
    let logs = dir.path().join("logs").display().to_string();
    let arguments = ["--base-log-folder", &logs, "--remote-log-folder", &remote];
    let mut agent = Agent::worker(dir.path(), &arguments, &[&command]);
    wait("the first line is in the store", || (shipped(dir.path()) == "first\n").then_some(()));
    fs::write(dir.path().join("go"), "").unwrap();
    wait("the rest follows", || shipped(dir.path()).starts_with("first\nsecond\nno newline").then_some(()));
    let variables = fs::read_to_string(dir.path().join("variables")).unwrap();
    assert_eq!(variables, "remote logging is False\n");
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    assert!(agent.log().contains("Executing workload in Celery"), "the worker's output is passed on");
}

#[test]
fn a_worker_that_dies_leaves_no_log_behind() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path());
    let remote = format!("file://{}/remote", dir.path().display());
    let logs = dir.path().join("logs").display().to_string();
    let arguments = ["--base-log-folder", &logs, "--remote-log-folder", &remote];
    let agent = Agent::worker(dir.path(), &arguments, &[&command]);
    wait("the task writes", || (shipped(dir.path()) == "first\n").then_some(()));
    let log = fs::OpenOptions::new().append(true).open(dir.path().join("logs").join(LOG));
    std::io::Write::write_all(&mut log.unwrap(), b"last words").unwrap();
    let main = support::children(agent.child.id())[0];
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(main), Signal::SIGKILL).unwrap();
    wait("the last words", || shipped(dir.path()).starts_with("first\nlast words").then_some(()));
}
