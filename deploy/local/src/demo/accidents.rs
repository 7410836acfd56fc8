//! What goes wrong on purpose: a process that outlives its task, and a worker killed together with its agent.

use std::time::{Duration, Instant};

use serde_json::json;

use super::bill::{Bill, Zombie};
use super::seconds;
use super::verdict::Verdict;
use super::watch::Watch;
use crate::failure::Failure;
use crate::fleet;
use crate::line::Line;
use crate::process::until;
use crate::progress::Progress;

/// A worker starts for it, and a short task runs.
const SHORT_RUN: Duration = Duration::from_mins(3);
/// The next live rows, and the dashboard's look at them.
const SHOWN: Duration = Duration::from_mins(1);
/// The task's lines are in the store.
const TICKS: Duration = Duration::from_mins(2);
/// Airflow notices the lost heartbeat, a worker starts, the second try runs.
const RETRIED: Duration = Duration::from_mins(3);
/// The files of the attempt's last minute.
const BILLED: Duration = Duration::from_mins(2);
/// Lines that the first attempt writes before it is lost.
const LINES: usize = 5;
const LEFTOVER_RUN: &str = "demo-leftover";
const LOST_RUN: &str = "demo-lost";
/// Pool of the task that is lost: nothing else runs there by then.
const LOST_POOL: &str = "short";

/// A task ends and leaves a process behind: it is shown, with what it costs.
pub(super) async fn leftover(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let step = progress.step("a process outlives its task");
    watch.trigger("leftover", LEFTOVER_RUN, json!({})).await?;
    let run = watch.finished("leftover", LEFTOVER_RUN, SHORT_RUN).await?;
    let ended = Instant::now();
    let bill = Bill::new(watch.state);
    let zombie = until("the dashboard shows the orphan with a cost", SHOWN, || async {
        let zombies = bill.zombies().await.map_err(|failure| failure.to_string())?;
        let orphan =
            zombies.into_iter().find(|zombie| zombie.kind == "orphan" && zombie.dag_id == "leftover");
        orphan.filter(Zombie::costs_something).ok_or_else(|| "no orphan with a cost".to_owned())
    })
    .await?;
    verdict.add(
        "what outlives its task is shown as an orphan, with its cost",
        format!(
            "{}, {} so far, {} per hour, shown {} after the task's end",
            zombie.task_id,
            zombie.cost,
            zombie.cost_per_hour,
            seconds(ended.elapsed())
        ),
        run.state == "success",
    );
    step.done("");
    Ok(())
}

/// Worker and agent are killed with -9 in the middle of a task.
pub(super) async fn lost(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
) -> Result<(), Failure> {
    let step = progress.step("worker and agent killed with -9");
    watch.trigger("lost", LOST_RUN, json!({})).await?;
    until("the task's lines are in the store", TICKS, || async {
        let lines = lines(watch, 1).await.map_err(|failure| failure.to_string())?;
        if lines >= LINES { Ok(()) } else { Err(format!("{lines} lines")) }
    })
    .await?;
    let workers = fleet::workers(watch.state, LOST_POOL);
    let pids: Vec<u32> = match watch.state.airflow() {
        Line::Three => {
            workers.iter().flat_map(|worker| worker.agent.into_iter().chain(worker.celery)).collect()
        }
        // Task processes of Airflow 2 outlive their worker: the task would succeed.
        Line::Two => {
            let agents = workers.iter().filter_map(|worker| worker.agent);
            agents.flat_map(|agent| fleet::below(agent).into_iter().chain([agent])).collect()
        }
    };
    let killed = Instant::now();
    fleet::kill_now(pids.iter().copied());
    let run = watch.finished("lost", LOST_RUN, RETRIED).await?;
    let recovered = killed.elapsed();
    let tries =
        watch.airflow.task_instances("lost", LOST_RUN).await?.iter().map(|task| task.try_number).max();
    verdict.add(
        "worker and agent killed with -9: Airflow retries, the retry succeeds",
        format!(
            "{} processes killed, try {} succeeded after {}",
            pids.len(),
            tries.unwrap_or(0),
            seconds(recovered)
        ),
        run.state == "success" && tries == Some(2) && pids.len() >= 2,
    );
    step.note("log and usage of the lost attempt");
    let kept = lines(watch, 1).await?;
    let bill = Bill::new(watch.state);
    let usage = until("the bill has the lost attempt", BILLED, || async {
        let line = bill.task("lost", "work").await.map_err(|failure| failure.to_string())?;
        line.filter(|line| line.attempts_wasted >= 1 && line.attempts >= 2)
            .ok_or_else(|| "not both attempts".to_owned())
    })
    .await?;
    verdict.add(
        "log and usage of the lost attempt are there",
        format!(
            "{kept} log lines; {} attempts, {} in vain, {:.1} CPU s, waste {}",
            usage.attempts,
            usage.attempts_wasted,
            usage.cpu_s(),
            usage.waste
        ),
        kept >= LINES && usage.cpu_s() > 0.0 && usage.wastes_something(),
    );
    step.done("");
    Ok(())
}

/// Lines of an attempt as Airflow shows them.
async fn lines(watch: &Watch<'_>, attempt: u32) -> Result<usize, Failure> {
    let log = watch.airflow.log("lost", LOST_RUN, "work", -1, attempt).await?;
    Ok(log.containing(&format!("attempt {attempt} counts ")).count())
}
