//! Airflow 2.11: another pandas while a task runs. Its runs are pinned to nothing, so the claim is that of process mode: the
//! running task ends in the old worker process by itself, new tasks run in a new one, and both share one worker's slots.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use domain::PublicationId;
use serde_json::json;

use super::change::{ENVIRONMENT, LONG_RUN, OTHER_PANDAS, STARTED, repin};
use super::seconds;
use super::verdict::Verdict;
use super::watch::{Watch, field};
use super::worker_processes;
use crate::failure::Failure;
use crate::process::until;
use crate::programs::DEFAULT_SLOTS;
use crate::progress::Progress;
use crate::repository::{self, REQUIREMENTS};

const RUN: &str = "demo-rolled";
/// Pool of the two-minute task.
const POOL: &str = "default";
/// The old task must outlast a build, the start of a worker process and a task in it.
const SECONDS: u32 = 180;
/// Between two looks at the worker's processes.
const LOOK: Duration = Duration::from_millis(200);

/// Pins another pandas while the two-minute task runs.
pub(super) async fn environment(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
    before: &PublicationId,
) -> Result<(), Failure> {
    let step = progress.step("another pandas while a task runs");
    watch.trigger("two_minutes", RUN, json!({"seconds": SECONDS})).await?;
    let old = until("the two-minute task runs", STARTED, || async {
        let tasks =
            watch.airflow.task_instances("two_minutes", RUN).await.map_err(|error| error.to_string())?;
        let work = tasks.iter().find(|task| task.task_id == "work");
        let state = work.and_then(|task| task.state.clone()).unwrap_or_default();
        let runner = work.filter(|_| state == "running").and_then(|task| u32::try_from(task.pid?).ok());
        runner.and_then(worker_processes::worker_of).ok_or(state)
    })
    .await?;
    let requirements = repin(&repository::read(watch.state, REQUIREMENTS)?);
    repository::write(watch.state, REQUIREMENTS, &requirements)?;
    repository::push(watch.state, "Pin another pandas").await?;
    let started = Instant::now();
    let most = AtomicUsize::new(0);
    let rolling = async {
        let publication = watch.published(Some(before), ENVIRONMENT).await?;
        watch.parsed(&publication).await?;
        let seen = started.elapsed();
        let new = watch.model("demo-new-pandas").await?;
        let tasks = watch.airflow.task_instances("two_minutes", RUN).await?;
        let running =
            tasks.iter().any(|task| task.task_id == "work" && task.state.as_deref() == Some("running"));
        let both = worker_processes::worker_of(old) == Some(old) && running;
        Ok::<_, Failure>((publication, seen, new, running, both))
    };
    let (publication, seen, new, running, both) = Box::pin(counted(&most, watch, rolling)).await?;
    verdict.add(
        "the next run gets the new environment",
        format!(
            "pandas {}, {} after the push, old task {}",
            field(&new, "pandas"),
            seconds(seen),
            if running { "still running" } else { "over" }
        ),
        field(&new, "pandas") == OTHER_PANDAS && running,
    );
    step.note("waiting for the old worker process");
    let rest = async {
        let run = watch.finished("two_minutes", RUN, LONG_RUN).await?;
        Ok::<_, Failure>((run, watch.returned("two_minutes", RUN, "after").await?))
    };
    let (run, told) = Box::pin(counted(&most, watch, rest)).await?;
    let (first, then) = (field(&told, "before"), field(&told, "after"));
    verdict.add(
        "the running task ends by itself in the old worker process and environment",
        format!("pandas {first} to its end in worker {old}"),
        run.state == "success" && first != OTHER_PANDAS && first != "(missing)",
    );
    verdict.add(
        "the run's next task runs in the new one (Airflow 2.11 pins no runs)",
        format!("pandas {then} in worker {}", field(&told, "worker")),
        then == OTHER_PANDAS && field(&told, "worker") != old.to_string(),
    );
    let most = most.into_inner();
    verdict.add(
        "old and new worker process share the slots of one worker",
        format!(
            "workers {old} and {} at once, at most {most} of {DEFAULT_SLOTS} slots in use or offered",
            field(&new, "worker")
        ),
        both && field(&new, "worker") != old.to_string() && most > 0 && most <= DEFAULT_SLOTS,
    );
    step.done(&publication.to_string());
    Ok(())
}

/// Does `work`, and meanwhile counts the pool processes of each worker; the most that any had.
async fn counted<T>(
    most: &AtomicUsize,
    watch: &Watch<'_>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let count = async {
        loop {
            let seen = worker_processes::most_slots(watch.state, POOL);
            most.fetch_max(seen, Ordering::Relaxed);
            tokio::time::sleep(LOOK).await;
        }
    };
    tokio::select! {
        result = work => result,
        never = count => never,
    }
}
