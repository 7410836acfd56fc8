//! Changes while a task runs: code without a restart, then another pandas.

use std::time::{Duration, Instant};

use domain::PublicationId;
use serde_json::json;

use super::seconds;
use super::verdict::Verdict;
use super::watch::{Watch, field};
use crate::failure::Failure;
use crate::process::until;
use crate::progress::Progress;
use crate::repository::{self, MODEL, REQUIREMENTS};

/// A commit with the same requirements: fetched, checked, flipped.
const CODE: Duration = Duration::from_mins(3);
/// A build of one other package. The claim itself is harder: the two-minute task must still run when it is parsed.
pub(super) const ENVIRONMENT: Duration = Duration::from_mins(10);
/// Until the pinned run's first task runs.
pub(super) const STARTED: Duration = Duration::from_mins(2);
/// Two minutes of work, and the task after it.
pub(super) const LONG_RUN: Duration = Duration::from_mins(7);
const PINNED: &str = "demo-pinned";
/// Another pandas than the newest that goes with the other requirements.
pub(super) const OTHER_PANDAS: &str = "2.2.3";

/// Pushes a change of a DAG file; answers its publication.
pub(super) async fn code(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
    before: &PublicationId,
) -> Result<PublicationId, Failure> {
    let step = progress.step("code push");
    let source = repository::read(watch.state, MODEL)?.replace("the first commit", "the second commit");
    repository::write(watch.state, MODEL, &source)?;
    repository::push(watch.state, "Greet from the second commit").await?;
    let started = Instant::now();
    let publication = watch.published(Some(before), CODE).await?;
    watch.parsed(&publication).await?;
    let seen = started.elapsed();
    let result = watch.model("demo-second-commit").await?;
    verdict.add(
        "a code push is seen without a restart",
        format!("`{}`, new runs after {}", field(&result, "greeting"), seconds(seen)),
        field(&result, "greeting").contains("second commit"),
    );
    step.done(&publication.to_string());
    Ok(publication)
}

/// Airflow 3: pins another pandas while the two-minute task runs; its run keeps the old one. For 2.11 see `roll`.
pub(super) async fn environment(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
    before: &PublicationId,
) -> Result<(), Failure> {
    let step = progress.step("another pandas while a task runs");
    watch.trigger("two_minutes", PINNED, json!({})).await?;
    until("the two-minute task runs", STARTED, || async {
        let tasks =
            watch.airflow.task_instances("two_minutes", PINNED).await.map_err(|error| error.to_string())?;
        let state = tasks.iter().find(|task| task.task_id == "work").and_then(|task| task.state.clone());
        if state.as_deref() == Some("running") { Ok(()) } else { Err(state.unwrap_or_default()) }
    })
    .await?;
    let requirements = repin(&repository::read(watch.state, REQUIREMENTS)?);
    repository::write(watch.state, REQUIREMENTS, &requirements)?;
    repository::push(watch.state, "Pin another pandas").await?;
    let started = Instant::now();
    let publication = watch.published(Some(before), ENVIRONMENT).await?;
    watch.parsed(&publication).await?;
    let seen = started.elapsed();
    let tasks = watch.airflow.task_instances("two_minutes", PINNED).await?;
    let running = tasks.iter().any(|task| task.task_id == "work" && task.state.as_deref() == Some("running"));
    let new = watch.model("demo-new-pandas").await?;
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
    step.note("waiting for the pinned run");
    let run = watch.finished("two_minutes", PINNED, LONG_RUN).await?;
    let old = watch.returned("two_minutes", PINNED, "after").await?;
    let (first, then) = (field(&old, "before"), field(&old, "after"));
    verdict.add(
        "the run that was pinned keeps the old one to its end",
        format!("pandas {first} before the flip, {then} after it"),
        run.state == "success" && first == then && first != OTHER_PANDAS,
    );
    verdict.add(
        "no worker was restarted: one served both environments",
        format!("worker {} and {}", field(&old, "worker"), field(&new, "worker")),
        field(&old, "worker") == field(&new, "worker") && field(&new, "worker") != "(missing)",
    );
    step.done(&publication.to_string());
    Ok(())
}

/// The same file with another pandas.
pub(super) fn repin(requirements: &str) -> String {
    let pin = |line: &str| {
        let name: String =
            line.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c)).collect();
        if name == "pandas" { format!("pandas=={OTHER_PANDAS}") } else { line.to_owned() }
    };
    requirements.lines().map(pin).map(|line| line + "\n").collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_pandas_is_pinned() {
        let before = "# pandas\npandas>=2.0.0  # frames\npandas-stubs==1\nscikit-learn==1.3.0\n";
        let after = "# pandas\npandas==2.2.3\npandas-stubs==1\nscikit-learn==1.3.0\n";
        assert_eq!(super::repin(before), after);
    }
}
