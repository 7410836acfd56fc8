//! kill -9: of an agent, of a worker, of both, of a pool child, of a task.

use std::time::{Duration, Instant};

use serde_json::json;

use super::scene::{Scene, whole};
use super::sources::short;
use super::table::Seen;
use crate::failure::Failure;
use crate::fleet::{Worker, kill_now};
use crate::process::until;

/// A killed agent is started again and answers.
const AGENT_BACK: Duration = Duration::from_secs(30);
/// Airflow notices a lost task by its heartbeat, and the second try runs on a worker that starts for it.
const SECOND_TRY: Duration = Duration::from_mins(3);
/// A run to its end.
const RUN_END: Duration = Duration::from_mins(3);
/// The last lines of a lost attempt are shipped.
const SHIPPED: Duration = Duration::from_secs(30);

/// The agent alone.
pub(super) async fn agent(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("kill-agent", json!({"seconds": 12})).await?;
    let (before, ..) = scene.where_it_runs(&run).await?;
    let killed = Instant::now();
    kill_now(before.agent);
    let after = back(scene, &before).await?;
    let recovery = killed.elapsed();
    let tries = scene.succeeds(&run, RUN_END).await?;
    let ticks = all_ticks(scene, &run, 1, 12).await;
    let same = after.celery == before.celery && scene.workers().len() == 1;
    Ok(Seen {
        users: "nothing; the log goes on where it was".to_owned(),
        tasks: format!("run on: success at try {tries}, {} log lines of 12, each once", ticks.len()),
        recovery,
        holds: Some(same && tries == 1 && whole(&ticks) && ticks.len() == 12),
    })
}

/// The Celery worker alone.
pub(super) async fn worker(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("kill-worker", json!({"seconds": 600, "leftover": true})).await?;
    let (worker, ..) = scene.where_it_runs(&run).await?;
    let killed = Instant::now();
    kill_now(worker.celery);
    lost(scene, &run, killed).await
}

/// Agent and worker at once.
pub(super) async fn both(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("kill-both", json!({"seconds": 600})).await?;
    let (worker, ..) = scene.where_it_runs(&run).await?;
    let killed = Instant::now();
    kill_now(worker.agent.into_iter().chain(worker.celery));
    lost(scene, &run, killed).await
}

/// Celery's pool child, the task's supervisor.
pub(super) async fn pool_child(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("kill-child", json!({"seconds": 600})).await?;
    let (_, child, _) = scene.where_it_runs(&run).await?;
    let killed = Instant::now();
    kill_now([child]);
    lost(scene, &run, killed).await
}

/// The process of the task.
pub(super) async fn task(scene: &Scene<'_>) -> Result<Seen, Failure> {
    let run = scene.begin("kill-task", json!({"seconds": 600})).await?;
    let (.., runner) = scene.where_it_runs(&run).await?;
    let killed = Instant::now();
    kill_now([runner]);
    lost(scene, &run, killed).await
}

/// The task is lost: its log is whole up to the kill, Airflow tries it again.
pub(super) async fn lost(scene: &Scene<'_>, run: &str, killed: Instant) -> Result<Seen, Failure> {
    let ticked = scene.ticks(run, 1).await?.len();
    scene.second_try(run, SECOND_TRY).await?;
    let recovery = killed.elapsed();
    scene.succeeds(run, RUN_END).await?;
    // What the task wrote in its last second is shipped too.
    let ticks = all_ticks(scene, run, 1, ticked).await;
    let log = scene.log(run, 1).await?;
    let words = log
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|line| matches!(line["level"].as_str(), Some("error" | "critical")))
        .filter_map(|line| line["event"].as_str().map(short))
        .next_back();
    let said = words.map_or_else(String::new, |words| format!("; its log ends with `{words}`"));
    Ok(Seen {
        users: format!("try 1 failed, try 2 ran{said}"),
        tasks: format!("the attempt is lost; its {} log lines are in the store, each once", ticks.len()),
        recovery,
        holds: Some(whole(&ticks) && ticks.len() >= ticked),
    })
}

/// Waits until an agent with another pid answers for the same worker, with the task in it.
async fn back(scene: &Scene<'_>, before: &Worker) -> Result<Worker, Failure> {
    until("the agent is back with its worker", AGENT_BACK, || async {
        let now = scene.workers().into_iter().find(|worker| worker.name == before.name);
        let Some(now) = now else { return Err("the worker is forgotten".to_owned()) };
        if now.agent.is_none() || now.agent == before.agent {
            return Err("no new agent".to_owned());
        }
        // It answers: its socket is there and the state is not that of a new worker.
        let adopted = fs_says(scene, before);
        if adopted { Ok(now) } else { Err("not adopted yet".to_owned()) }
    })
    .await
}

/// The new agent's log says that it has taken the worker over.
fn fs_says(scene: &Scene<'_>, worker: &Worker) -> bool {
    let log = worker.socket.with_extension("log");
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let adopted = text.contains("its worker is adopted") && text.contains("goes on in the adopted worker");
    adopted && scene.workers().iter().any(|now| now.celery == worker.celery)
}

/// The ticks of an attempt once they are `expected`, or what there is at the deadline.
pub(super) async fn all_ticks(scene: &Scene<'_>, run: &str, attempt: u32, expected: usize) -> Vec<usize> {
    let found = until("the log is in the store", SHIPPED, || async {
        let ticks = scene.ticks(run, attempt).await.map_err(|failure| failure.to_string())?;
        if ticks.len() >= expected { Ok(ticks) } else { Err(format!("{} ticks", ticks.len())) }
    })
    .await;
    match found {
        Ok(ticks) => ticks,
        Err(_) => scene.ticks(run, attempt).await.unwrap_or_default(),
    }
}
