//! What attempts use, measured over the real program with a real process tree, against getrusage.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use domain::UsageRecord;
use domain::usage::UsageKind;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Agent, children, script, wait};

const ID: &str = "0193-beef";

/// Burns CPU in a child until it has used `cpu_s`, then writes what getrusage says of itself and the child.
const BURN: &str = "
import os, resource, sys, time
cpu_s, report = float(sys.argv[1]), sys.argv[2]
child = os.fork()
if child == 0:
    while time.process_time() < cpu_s:
        sum(range(10000))
    os._exit(0)
os.waitpid(child, 0)
used = sum(getattr(resource.getrusage(who), field) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
           for field in ('ru_utime', 'ru_stime'))
with open(report + '.new', 'w') as file:
    file.write(str(used))
os.rename(report + '.new', report)
";

/// Processes as those of a Celery worker that runs one task: main, pool child, runner. The task burns `awaited_s` in
/// a grandchild that it awaits and `left_s` in one of a session of its own that outlives it.
fn worker(dir: &Path, awaited_s: u32, left_s: u32) -> String {
    let at = dir.display();
    fs::write(dir.join("burn.py"), BURN).unwrap();
    script(
        dir,
        "runner.sh",
        &format!(
            "#!/bin/bash\nsetsid python3 {at}/burn.py {left_s} {at}/left > /dev/null 2>&1 &\n\
             bash -c 'python3 {at}/burn.py {awaited_s} {at}/awaited; true'\n"
        ),
    );
    script(
        dir,
        "pool.sh",
        &format!(
            "#!/bin/bash\n\
             echo \"[c1] Executing workload in Celery: ti=TaskInstanceDTO(id=UUID('{ID}'), task_id='fit', dag_id='etl', \
             run_id='manual__1', try_number=2, map_index=-1, queue='heavy') log_path='etl/attempt=2.log' type='ExecuteTask'\"\n\
             setsid bash -c 'exec -a \"airflow worker -- {ID}\" bash {at}/runner.sh' &\nwait $!\n\
             echo \"Workload finished exit_code=0 final_state=success workload_id={ID}\"\n\
             while :; do sleep 0.2; done\n"
        ),
    );
    let main = format!(
        "#!/bin/bash\ntrap 'kill %1; exit 0' TERM\necho w1@host ready.\n\
         bash -c 'exec -a \"[celeryd: w1@host:ForkPoolWorker-1]\" bash {at}/pool.sh' &\n\
         while :; do sleep 0.05; done\n"
    );
    script(dir, "worker.sh", &main)
}

fn start(dir: &Path, command: &[&str]) -> Agent {
    let store = format!("file://{}/store", dir.display());
    let state = dir.join("state").display().to_string();
    let arguments = ["--worker-name", "w1@host", "--store", &store, "--state-dir", &state];
    Agent::worker(
        dir,
        &[&arguments[..], &["--cpu-milli", "2000", "--memory-bytes", "1000000000"]].concat(),
        command,
    )
}

/// All rows in the store.
fn rows(dir: &Path) -> Vec<UsageRecord> {
    let mut rows = Vec::new();
    let mut folders = vec![dir.join("store/usage/v1")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "parquet") {
                rows.extend(usage_parquet::decode(fs::read(path).unwrap()).unwrap());
            }
        }
    }
    rows
}

fn cpu_s(rows: &[UsageRecord], is_wanted: impl Fn(&UsageRecord) -> bool) -> f64 {
    let wanted = rows.iter().filter(|row| is_wanted(row));
    wanted.map(|row| Duration::from_nanos(row.cpu_user_ns + row.cpu_system_ns).as_secs_f64()).sum()
}

/// Per worker and window, in integers.
fn identity_holds(rows: &[UsageRecord]) {
    for worker in rows.iter().filter(|row| row.kind == UsageKind::Worker) {
        let window = |row: &&UsageRecord| {
            row.kind != UsageKind::Worker
                && row.window_start >= worker.window_start
                && row.window_end <= worker.window_end
        };
        let parts: Vec<_> = rows.iter().filter(window).collect();
        let cpu = |row: &UsageRecord| row.cpu_user_ns + row.cpu_system_ns;
        assert_eq!(parts.iter().map(|row| cpu(row)).sum::<u64>(), cpu(worker));
        assert_eq!(parts.iter().map(|row| row.mem_byte_s).sum::<u64>(), worker.mem_byte_s);
    }
}

#[test]
fn a_task_that_burns_in_grandchildren_and_leaves_one_behind_is_measured_within_a_percent() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path(), 9, 11);
    let begun = Instant::now();
    let mut agent = start(dir.path(), &[&command]);
    wait("the task runs", || {
        let (_, usage) = agent.ask("GET", "/v1/usage", "");
        (usage["running"][0]["name"] == "etl.fit run manual__1 try 2").then_some(())
    });
    let report = |name: &str| fs::read_to_string(dir.path().join(name)).ok()?.parse::<f64>().ok();
    // The machine may be compiling beside: two burns share what is left of it.
    let patient =
        |name: &str| (0..3).find_map(|_| std::panic::catch_unwind(|| wait(name, || report(name))).ok());
    let awaited_s = patient("awaited").unwrap();
    if report("left").is_none() {
        let orphan = wait("the orphan is shown", || {
            let (_, usage) = agent.ask("GET", "/v1/usage", "");
            usage["orphans"]
                .as_array()
                .unwrap()
                .first()
                .cloned()
                .or_else(|| report("left").map(|_| ().into()))
        });
        assert!(orphan.is_null() || orphan["state"] == "success", "{orphan}");
    }
    let left_s = patient("left").unwrap();
    agent.signal(Signal::SIGTERM);
    assert!(agent.ended().success());
    let rows = rows(dir.path());
    let its = |row: &UsageRecord| row.ti_id == ID;
    let (measured_s, true_s) = (cpu_s(&rows, its), awaited_s + left_s);
    let of_kind = |kind| cpu_s(&rows, |row| its(row) && row.kind == kind);
    println!(
        "getrusage {true_s:.3} s (awaited {awaited_s:.3}, outliving {left_s:.3}); rows {measured_s:.3} s \
         (task {:.3}, orphan {:.3}); error {:+.3} %; overhead {:.3} s, unattributed {:.3} s; {} s in all",
        of_kind(UsageKind::Task),
        of_kind(UsageKind::Orphan),
        (measured_s / true_s - 1.0) * 100.0,
        cpu_s(&rows, |row| row.kind == UsageKind::Overhead),
        cpu_s(&rows, |row| row.kind == UsageKind::Unattributed),
        begun.elapsed().as_secs()
    );
    assert!((measured_s / true_s - 1.0).abs() <= 0.01);
    let task = rows.iter().rfind(|row| its(row) && row.kind == UsageKind::Task).unwrap();
    assert_eq!((&*task.dag_id, &*task.queue, task.try_number), ("etl", "heavy", 2));
    assert_eq!((&*task.worker, task.slots), ("w1@host", 1));
    assert!(rows.iter().any(|row| its(row) && row.state == "success"));
    assert!(task.mem_byte_s > 0 && task.processes_peak >= 4, "{task:?}");
    identity_holds(&rows);
}

#[test]
fn what_an_attempt_used_before_agent_and_worker_were_killed_is_in_the_store() {
    let dir = tempfile::tempdir().unwrap();
    let command = worker(dir.path(), 600, 600);
    let mut agent = start(dir.path(), &[&command]);
    let seen_s = wait("the task has burned a while, and that is saved", || {
        let (_, usage) = agent.ask("GET", "/v1/usage", "");
        let cpu_s = usage["running"][0]["cpu_ns"].as_f64()? / 1e9;
        (cpu_s > 1.0 && dir.path().join("state/usage/open.json").exists()).then_some(cpu_s)
    });
    // One saving later, what was seen is on disk.
    let saved = dir.path().join("state/usage/open.json");
    let before = fs::metadata(&saved).unwrap().modified().unwrap();
    wait("it is saved again", || (fs::metadata(&saved).ok()?.modified().ok()? > before).then_some(()));
    let below = children(agent.child.id());
    agent.child.kill().unwrap();
    agent.ended();
    for pid in &below {
        kill(Pid::from_raw(*pid), Signal::SIGKILL).ok();
    }
    let idle = script(
        dir.path(),
        "idle.sh",
        "#!/bin/bash\ntrap 'exit 0' TERM\necho w1@host ready.\nwhile :; do sleep 0.05; done\n",
    );
    let mut next = start(dir.path(), &[&idle]);
    let lost = wait("the lost attempt's usage is in the store", || {
        let rows = rows(dir.path());
        let lost = rows.iter().any(|row| row.ti_id == ID && row.state == "lost");
        lost.then_some(rows)
    });
    let stored_s = cpu_s(&lost, |row| row.ti_id == ID);
    println!("seen {seen_s:.3} s before the kill, {stored_s:.3} s in the store");
    assert!(stored_s >= seen_s);
    identity_holds(&lost);
    next.signal(Signal::SIGTERM);
    assert!(next.ended().success());
}
