//! Servers that are away for a while: Redis, PostgreSQL, S3.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use serde_json::json;

use super::scene::{Scene, whole};
use super::sources::{pushed, trouble};
use super::table::Seen;
use crate::failure::Failure;
use crate::ledger::{Entry, start_ticks};
use crate::process::{self, until};
use crate::services::{Service, blocked_readers};
use crate::{airflow, process::Program};

/// A killed server is gone at once.
const GONE: Duration = Duration::from_secs(10);
/// A run to its end.
const RUN_END: Duration = Duration::from_mins(3);
/// How long Redis does not answer.
const REDIS_AWAY: Duration = Duration::from_secs(20);
/// How long PostgreSQL is away: longer, and Airflow's heartbeats fail often enough to end running tasks.
const POSTGRES_AWAY: Duration = Duration::from_secs(10);
/// How long S3 is away.
const S3_AWAY: Duration = Duration::from_secs(30);
/// A worker's blocking read of its queues ends (kombu asks anew each second).
const READ_END: Duration = Duration::from_secs(10);
/// A triggered task is sent.
const QUEUED: Duration = Duration::from_secs(30);
/// Everything catches up.
const CATCH_UP: Duration = Duration::from_mins(2);

/// Redis loses everything, a queued task's message too, and is back at once.
pub(super) async fn redis_empty(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let run = scene.begin("redis-empty", json!({"seconds": 25})).await?;
    let (worker, ..) = scene.where_it_runs(&run).await?;
    // A worker that stands still takes no message: it waits in Redis when Redis is killed. The task runs on.
    let celery =
        worker.celery.and_then(|pid| Some(Entry { name: worker.name, pid, start_ticks: start_ticks(pid)? }));
    if let Some(celery) = &celery {
        process::signal(celery, Signal::SIGSTOP);
    }
    let queued = queued(scene).await;
    let emptied = async {
        stop(scene, Service::Redis).await?;
        Service::Redis.again(state).await
    }
    .await;
    if let Some(celery) = &celery {
        process::signal(celery, Signal::SIGCONT);
    }
    let back = Instant::now();
    let lost = queued?;
    emptied?;
    scene.works("redis-after", RUN_END).await?;
    let recovery = back.elapsed();
    let tries = scene.succeeds(&run, RUN_END).await?;
    let ticks = settled_ticks(scene, &run, 25).await;
    let lost_tries = scene.succeeds(&lost, RUN_END).await?;
    Ok(Seen {
        users: format!(
            "new tasks run at once; those that were queued wait until the scheduler sends them again \
             (`task_queued_timeout`, 45 s here): success at try {lost_tries} {:.0} s after the return",
            back.elapsed().as_secs_f64()
        ),
        tasks: format!("run on: success at try {tries}, {} log lines of 25", ticks.len()),
        recovery,
        holds: Some(tries == 1 && whole(&ticks) && ticks.len() == 25),
    })
}

/// Starts a run and waits until its message lies in Redis. All workers stand still.
async fn queued(scene: &Scene<'_>) -> Result<String, Failure> {
    until("no worker reads from Redis", READ_END, || async {
        match blocked_readers(scene.watch.state).await {
            Ok(0) => Ok(()),
            Ok(readers) => Err(format!("{readers} in a blocking read")),
            Err(error) => Err(error.to_string()),
        }
    })
    .await?;
    let run = scene.trigger("redis-lost", json!({"seconds": 1})).await?;
    until("a message waits in Redis", QUEUED, || async {
        let facts =
            scene.watch.broker.facts(&["default".to_owned()]).await.map_err(|error| error.to_string())?;
        let ready: u64 = facts.queues.values().map(|queue| queue.ready).sum();
        if ready > 0 { Ok(()) } else { Err("none".to_owned()) }
    })
    .await?;
    Ok(run)
}

/// Redis does not answer for a while, as behind a cut network, and has kept its data.
pub(super) async fn redis_away(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("redis-away", json!({"seconds": 30})).await?;
    let before = scene.workers();
    let entry = entry(scene, Service::Redis)?;
    process::signal(&entry, Signal::SIGSTOP);
    let meanwhile = scene.trigger("redis-meanwhile", json!({"seconds": 1})).await;
    tokio::time::sleep(REDIS_AWAY).await;
    let held = scene.workers() == before;
    process::signal(&entry, Signal::SIGCONT);
    let back = Instant::now();
    let meanwhile = meanwhile?;
    scene.works("redis-after", RUN_END).await?;
    let recovery = back.elapsed();
    // Airflow's scheduler gives up sending it after `task_publish_max_retries` (3), or succeeds before.
    let sent = scene.watch.finished(super::scene::DAG, &meanwhile, RUN_END).await?.state;
    let tries = scene.succeeds(&run, RUN_END).await?;
    let ticks = settled_ticks(scene, &run, 30).await;
    Ok(Seen {
        users: format!(
            "no worker is started or stopped; a task that Airflow's scheduler sends meanwhile and gives up \
             (`task_publish_max_retries`): {sent}"
        ),
        tasks: format!("run on: success at try {tries}, {} log lines of 30", ticks.len()),
        recovery,
        holds: Some(held && tries == 1 && whole(&ticks) && ticks.len() == 30),
    })
}

/// PostgreSQL is away: Airflow's metadata and Celery's results.
pub(super) async fn postgres(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let run = scene.begin("postgres-away", json!({"seconds": 30})).await?;
    stop(scene, Service::Postgres).await?;
    tokio::time::sleep(POSTGRES_AWAY).await;
    Service::Postgres.again(state).await?;
    let back = Instant::now();
    let scheduler = scheduler_lives(scene).await?;
    scene.works("postgres-after", RUN_END).await?;
    let recovery = back.elapsed();
    let tries = scene.succeeds(&run, RUN_END).await?;
    let ticks = settled_ticks(scene, &run, 30).await;
    Ok(Seen {
        users: format!("Airflow's API and UI answer with errors, no task starts; {scheduler}"),
        tasks: format!("run on: success at try {tries}, {} log lines of 30", ticks.len()),
        recovery,
        holds: Some(tries == 1 && whole(&ticks) && ticks.len() == 30),
    })
}

/// The store is away: logs, usage, publications.
pub(super) async fn s3(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let state = scene.watch.state;
    let before = scene.watch.current().await?;
    let run = scene.begin("s3-away", json!({"seconds": 25})).await?;
    stop(scene, Service::S3).await?;
    let away = Instant::now();
    super::sources::greet(scene, "while the store was away").await?;
    let meanwhile = scene.trigger("s3-meanwhile", json!({"seconds": 3})).await?;
    let said = trouble(scene, CATCH_UP).await?;
    let tries = scene.succeeds(&run, RUN_END).await?;
    let other = scene.succeeds(&meanwhile, RUN_END).await?;
    tokio::time::sleep(S3_AWAY.saturating_sub(away.elapsed())).await;
    Service::S3.again(state).await?;
    let back = Instant::now();
    let ticks = settled_ticks(scene, &run, 25).await;
    let others = settled_ticks(scene, &meanwhile, 3).await;
    let logs = back.elapsed();
    pushed(scene, before.as_ref(), CATCH_UP).await?;
    Ok(Seen {
        users: format!(
            "logs stand still and are whole {:.1} s after the return; a push waits (`{said}`) and is published then",
            logs.as_secs_f64()
        ),
        tasks: format!(
            "run on and start: success at try {tries} and {other}, {} log lines of 28",
            ticks.len() + others.len()
        ),
        recovery: back.elapsed(),
        holds: Some(
            tries == 1 && other == 1 && whole(&ticks) && whole(&others) && ticks.len() + others.len() == 28,
        ),
    })
}

/// Kills a server and waits until it is gone.
async fn stop(scene: &Scene<'_>, service: Service) -> Result<(), Failure> {
    let entry = entry(scene, service)?;
    // PostgreSQL leaves its children behind after a SIGKILL; this is its own immediate shutdown, without a checkpoint.
    let signal = if service == Service::Postgres { Signal::SIGQUIT } else { Signal::SIGKILL };
    process::signal(&entry, signal);
    until(&format!("{} is gone", service.name()), GONE, || async {
        if entry.is_running() { Err("running".to_owned()) } else { Ok(()) }
    })
    .await
}

/// The server that runs.
fn entry(scene: &Scene<'_>, service: Service) -> Result<Entry, Failure> {
    running(scene, service.name())?.ok_or_else(|| Failure::Unexpected {
        what: service.name().to_owned(),
        seen: "not running".to_owned(),
    })
}

fn running(scene: &Scene<'_>, name: &str) -> Result<Option<Entry>, Failure> {
    let entries = scene.watch.state.ledger().entries()?;
    Ok(entries.into_iter().rev().find(|entry| entry.name == name && entry.is_running()))
}

/// Starts Airflow's scheduler again if it has ended, as whatever runs it would.
async fn scheduler_lives(scene: &Scene<'_>) -> Result<&'static str, Failure> {
    /// A scheduler that gives up does so within its own retries.
    const GIVES_UP: Duration = Duration::from_secs(5);
    let ended = until("the scheduler gives up", GIVES_UP, || async {
        match running(scene, "scheduler") {
            Ok(None) => Ok(()),
            _ => Err("it runs".to_owned()),
        }
    })
    .await
    .is_ok();
    if !ended {
        return Ok("the scheduler goes on by itself");
    }
    let program: Program =
        airflow::component(scene.watch.state, scene.watch.base, "scheduler", &["scheduler"]);
    program.start(scene.watch.state)?;
    Ok("Airflow's scheduler ends and is started again by whatever runs it")
}

/// The ticks of a first try once they are `expected`, or what there is at the deadline.
pub(super) async fn settled_ticks(scene: &Scene<'_>, run: &str, expected: usize) -> Vec<usize> {
    super::kills::all_ticks(scene, run, 1, expected).await
}
