//! Single stories: a restart of the agent, a stuck task, orphans, late and missing words.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use agent_usage::{
    Allotment, Counters, Identity, Meter, News, Now, Observed, ProcessId, Saved, Table, TaskContext, Writer,
};
use domain::UsageRecord;
use domain::usage::UsageKind;

const ALLOTMENT: Allotment = Allotment { cpu_milli: 1_000, memory_bytes: 1 << 30, slots: 2 };
const SECOND_NS: u64 = 1_000_000_000;

fn now(s: u64) -> Now {
    Now { wall_ms: 1_790_000_000_000 + s * 1_000, mono_ms: 100_000 + s * 1_000 }
}

fn writer(name: &str) -> Writer {
    Writer { writer: name.into(), worker: "celery@w".into(), ..Writer::default() }
}

fn fit(id: &str) -> Identity {
    Identity {
        id: id.into(),
        ti_id: id.into(),
        dag_id: "etl".into(),
        task_id: "fit".into(),
        run_id: "r1".into(),
        map_index: -1,
        try_number: 1,
        log_path: Some("fit.log".into()),
        ..Identity::default()
    }
}

/// A process that has used `own_s` seconds of CPU and whose reaped children used `reaped_s`.
fn process(pid: u32, parent: u32, title: &str, own_s: u64, reaped_s: u64) -> Observed {
    let cpu = |s: u64| Counters { user_ns: s * SECOND_NS, ..Counters::default() };
    Observed {
        id: ProcessId { pid, start_ms: 90_000 + u64::from(pid) },
        parent,
        group: pid,
        session: pid,
        title: title.into(),
        own: cpu(own_s),
        reaped: cpu(reaped_s),
        memory_bytes: 1_000_000,
        ..Observed::default()
    }
}

const POOL: &str = "[celeryd: celery@w:ForkPoolWorker-1]";

fn worker(agent: u32, pool: (u64, u64), below: &[Observed]) -> Vec<Observed> {
    let mut all = vec![
        process(agent, 0, "updraft-agent", 0, 0),
        process(10, agent, "main", 0, 0),
        process(11, 10, POOL, pool.0, pool.1),
    ];
    all.extend_from_slice(below);
    all
}

fn table(s: u64, processes: Vec<Observed>) -> Table {
    Table { uptime_ms: 100_000 + s * 1_000, processes, logs: Vec::new() }
}

fn cpu_s(rows: &[UsageRecord], kind: UsageKind) -> u64 {
    rows.iter()
        .filter(|row| row.kind == kind)
        .map(|row| (row.cpu_user_ns + row.cpu_system_ns) / SECOND_NS)
        .sum()
}

fn running() -> Meter {
    let mut meter = Meter::new(writer("w-1"), ALLOTMENT, 600_000, now(0));
    meter.worker_started(10);
    meter.sample(&table(0, worker(1, (0, 0), &[])), now(0));
    meter.begun(&fit("0193"), Some(10), now(1));
    meter.sample(&table(5, worker(1, (0, 1), &[process(12, 11, "airflow worker -- 0193", 3, 0)])), now(5));
    meter
}

fn saved(meter: &Meter, s: u64) -> Saved {
    let saved = meter.save("boot", 100_000 + s * 1_000, now(s));
    let text = serde_json::to_string(&saved).unwrap();
    let saved: Saved = serde_json::from_str(&text).unwrap();
    assert!(saved.is_known());
    saved
}

#[test]
fn an_attempt_in_an_adopted_worker_loses_nothing() {
    let saved = saved(&running(), 5);
    // Another agent; the runner went on for 4 s, and a second child of 2 s was reaped by the pool child.
    let mut processes = worker(20, (0, 3), &[process(12, 11, "airflow worker -- 0193", 7, 0)]);
    processes[1].parent = 1;
    let seen = table(9, processes.clone());
    let (mut meter, rows) = Meter::restore(saved, "boot", &seen, (writer("w-2"), ALLOTMENT, 600_000), now(9));
    assert_eq!(cpu_s(&rows, UsageKind::Task), 4);
    assert!(rows.iter().all(|row| row.state != "lost" && row.writer == "w-1"));
    meter.worker_started(10);
    meter.sample(&seen, now(9));
    // It ends: the pool child has reaped the runner.
    processes.retain(|process| process.id.pid != 12);
    processes[2] = process(11, 10, POOL, 0, 11);
    meter.sample(&table(12, processes), now(12));
    meter.ended("0193", "success", now(12));
    let rows = meter.close(now(12));
    assert_eq!(cpu_s(&rows, UsageKind::Task), 7, "11 s in all, 4 of them before");
    assert_eq!(cpu_s(&rows, UsageKind::Unattributed), 0);
    let task = rows.iter().find(|row| row.kind == UsageKind::Task).unwrap();
    assert_eq!(
        (&*task.state, task.window_start, task.window_end),
        ("success", now(9).wall_ms, now(12).wall_ms)
    );
}

#[test]
fn an_attempt_that_died_with_its_worker_is_lost_and_what_it_left_is_its_orphan() {
    let mut meter = running();
    let left = process(13, 12, "sleep 300", 0, 0);
    let runner = process(12, 11, "airflow worker -- 0193", 3, 0);
    meter.sample(&table(6, worker(1, (0, 1), &[runner, left.clone()])), now(6));
    let saved = saved(&meter, 6);
    let orphan = Observed { parent: 1, own: Counters { user_ns: 2 * SECOND_NS, ..left.own }, ..left };
    let seen = table(20, vec![process(20, 1, "updraft-agent", 0, 0), orphan]);
    let (mut meter, rows) =
        Meter::restore(saved, "boot", &seen, (writer("w-2"), ALLOTMENT, 600_000), now(20));
    let task = rows.iter().find(|row| row.kind == UsageKind::Task).unwrap();
    assert_eq!((&*task.state, task.cpu_user_ns, task.seq), ("lost", 4 * SECOND_NS, 5));
    meter.sample(&seen, now(20));
    meter.sample(&table(23, seen.processes.clone()), now(23));
    let orphans = meter.facts(now(23)).orphans;
    assert_eq!((orphans[0].pid, &*orphans[0].state, &*orphans[0].name), (13, "lost", "etl.fit run r1 try 1"));
    let rows = meter.close(now(23));
    assert_eq!((cpu_s(&rows, UsageKind::Orphan), cpu_s(&rows, UsageKind::Task)), (2, 0));
}

#[test]
fn process_ids_of_another_boot_mean_nothing() {
    let saved = saved(&running(), 5);
    let seen = table(0, worker(20, (9, 9), &[]));
    let (meter, rows) = Meter::restore(saved, "another", &seen, (writer("w-2"), ALLOTMENT, 600_000), now(0));
    assert!(rows.iter().any(|row| row.state == "lost"));
    assert_eq!((meter.follow(), meter.facts(now(0)).running), (vec![], vec![]));
}

#[test]
fn a_task_without_cpu_log_and_io_is_stuck_until_it_does_something() {
    let mut meter = running();
    let look = |meter: &mut Meter, s: u64, own_s: u64, log: u64| {
        let runner = process(12, 11, "airflow worker -- 0193", own_s, 0);
        let table = Table { logs: vec![("fit.log".into(), log)], ..table(s, worker(1, (0, 1), &[runner])) };
        meter.sample(&table, now(s));
    };
    // One line, then half a percent of CPU: heartbeats.
    look(&mut meter, 100, 3, 0);
    look(&mut meter, 200, 3, 10);
    for s in (210..1_200).step_by(10) {
        look(&mut meter, s, 3 + s / 200, 10);
        let told = meter.news(now(s));
        let stuck = meter.facts(now(s)).running[0].stuck;
        // A second of CPU in 10 s, each 200 s, is work.
        assert!(told.is_empty() && !stuck, "{s}");
    }
    for s in (1_200..3_000).step_by(10) {
        look(&mut meter, s, 8, 10);
        let last_work_s = 1_000;
        let expected = s - last_work_s >= 600;
        assert_eq!(meter.facts(now(s)).running[0].stuck, expected, "{s}");
        let told = matches!(meter.news(now(s)).as_slice(), [News::Stuck(_)]);
        assert_eq!(told, s == 1_600, "told once, at {s}");
    }
    look(&mut meter, 3_001, 8, 11);
    assert!(!meter.facts(now(3_001)).running[0].stuck);
}

#[test]
fn an_answer_older_than_the_end_brings_no_attempt_back() {
    let mut meter = running();
    meter.ended("0193", "failed", now(6));
    meter.active(&fit("0193"), Some(11), Some(10), now(6));
    assert_eq!(meter.facts(now(6)).running, []);
    // Its next life after a deferral is announced by the worker's own line.
    meter.begun(&fit("0193"), Some(10), now(7));
    assert_eq!(meter.facts(now(7)).running.len(), 1);
}

#[test]
fn an_attempt_of_which_only_processes_speak_is_named_by_the_worker_later() {
    let mut meter = Meter::new(writer("w-1"), ALLOTMENT, 600_000, now(0));
    meter.worker_started(10);
    meter.sample(&table(0, worker(1, (0, 0), &[])), now(0));
    let runner = || process(12, 11, "airflow worker -- 0193", 3, 0);
    meter.sample(&table(5, worker(1, (0, 0), &[runner()])), now(5));
    assert_eq!(meter.facts(now(5)).running[0].name, "0193");
    meter.active(&fit("0193"), Some(11), None, now(6));
    assert_eq!(meter.facts(now(6)).running[0].name, "etl.fit run r1 try 1");
    // Nobody says that it ended.
    for s in 7..45 {
        meter.sample(&table(s, worker(1, (0, 3), &[])), now(s));
    }
    assert_eq!(meter.facts(now(45)).running, []);
    let rows = meter.close(now(45));
    let task = rows.iter().find(|row| row.kind == UsageKind::Task).unwrap();
    assert_eq!((&*task.state, cpu_s(&rows, UsageKind::Task)), ("unknown", 3));
}

#[test]
fn a_task_of_airflow_2_is_known_by_its_title_until_the_worker_names_it() {
    let mut meter = Meter::new(writer("w-1"), ALLOTMENT, 600_000, now(0));
    meter.worker_started(10);
    meter.sample(&table(0, worker(1, (0, 0), &[])), now(0));
    let title = "airflow task supervisor: ['airflow', 'tasks', 'run', 'etl', 'fit', 'r1', '--local', '--map-index', '2']";
    let below = [process(12, 11, title, 1, 0), process(13, 12, "airflow task runner: etl fit r1 77", 2, 0)];
    meter.sample(&table(3, worker(1, (0, 0), &below)), now(3));
    let running = meter.facts(now(3)).running;
    assert_eq!((running.len(), &*running[0].name), (1, "etl.fit run r1 map 2"));
    let named =
        Identity { id: "celery-id".into(), ti_id: String::new(), map_index: 2, try_number: 3, ..fit("") };
    meter.begun(&named, Some(10), now(4));
    meter.sample(&table(5, worker(1, (0, 4), &[])), now(5));
    meter.ended("celery-id", "success", now(5));
    let rows = meter.close(now(5));
    let task: Vec<_> = rows.iter().filter(|row| row.kind == UsageKind::Task).collect();
    assert_eq!(task.len(), 1);
    assert_eq!((&*task[0].state, task[0].try_number, cpu_s(&rows, UsageKind::Task)), ("success", 3, 4));
}

#[test]
fn an_orphan_that_was_never_seen_below_its_task_is_known_by_its_environment() {
    let mut meter = running();
    let context =
        TaskContext { dag_id: "etl".into(), task_id: "fit".into(), run_id: "r1".into(), try_number: Some(1) };
    let stranger = Observed { context: Some(context), ..process(30, 1, "spark", 5, 0) };
    let runner = process(12, 11, "airflow worker -- 0193", 3, 0);
    meter.sample(&table(6, worker(1, (0, 1), &[runner, stranger])), now(6));
    let rows = meter.close(now(6));
    assert_eq!(cpu_s(&rows, UsageKind::Task), 9);
}

#[test]
fn a_short_callback_gets_what_one_pool_child_has_used_for_nobody() {
    let mut meter = Meter::new(writer("w-1"), ALLOTMENT, 600_000, now(0));
    meter.worker_started(10);
    meter.sample(&table(0, worker(1, (0, 0), &[])), now(0));
    let callback = Identity { id: "cb".into(), callback: true, map_index: -1, ..Identity::default() };
    meter.begun(&callback, Some(10), now(1));
    meter.sample(&table(2, worker(1, (0, 2), &[])), now(2));
    meter.ended("cb", "success", now(2));
    let rows = meter.close(now(2));
    assert_eq!(cpu_s(&rows, UsageKind::Callback), 2);
    assert_eq!(rows.iter().find(|row| row.kind == UsageKind::Callback).unwrap().ti_id, "cb");
}
