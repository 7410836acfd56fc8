//! The first push is refused in words with a proposal, the second one works.

use std::time::{Duration, Instant};

use domain::PublicationId;

use super::seconds;
use super::sync_view;
use super::verdict::Verdict;
use super::watch::{DAGS, Watch};
use crate::airflow::REPOSITORY;
use crate::failure::Failure;
use crate::process::until;
use crate::progress::Progress;
use crate::repository::{self, REQUIREMENTS};

/// A refusal needs resolutions of several candidates and a build that is verified, from cold caches: as long as sync lets a
/// build take.
const REFUSAL: Duration = Duration::from_mins(30);
/// A publication needs downloads, layers, an import check and the parse of every DAG file: the same limit.
const PUBLICATION: Duration = Duration::from_mins(30);

/// Pushes the files as people write them; answers the proposed requirements.txt.
pub(super) async fn refused(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
) -> Result<String, Failure> {
    let step = progress.step("first push: requirements.txt as people write it");
    repository::write_template(watch.state)?;
    let commit = repository::push(watch.state, "DAGs and their requirements").await?;
    let started = Instant::now();
    let refusal = until("sync refuses the first push", REFUSAL, || async {
        match sync_view::refusal(watch.state, watch.base, &commit).await {
            Ok(Some(refusal)) => Ok(refusal),
            Ok(None) => Err("no refusal yet".to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    })
    .await?;
    let took = started.elapsed();
    step.done("refused");
    progress.say(&refusal.words);
    let proposal = refusal.proposal.unwrap_or_default();
    verdict.add(
        "a push that cannot work is refused in words, with a proposed file",
        format!(
            "{} lines of reason, {} of proposal, {}",
            refusal.words.lines().count(),
            proposal.lines().count(),
            seconds(took)
        ),
        !refusal.words.is_empty() && !proposal.is_empty(),
    );
    verdict.add(
        "the proposal caps NumPy, on which scikit-learn 1.3.0 breaks",
        proposal.lines().collect::<Vec<_>>().join(", "),
        refusal.words.contains("scikit-learn") && proposal.lines().any(|line| line == "numpy<2"),
    );
    let (health, errors) = (watch.airflow.health().await?, watch.airflow.import_errors().await?);
    let current = watch.current().await?;
    verdict.add(
        "Airflow is unharmed: nothing flipped, no import error",
        format!(
            "{} import errors, {}",
            errors.len(),
            current.as_ref().map_or("no publication".to_owned(), ToString::to_string)
        ),
        health.metadatabase.is_healthy() && errors.is_empty() && current.is_none(),
    );
    Ok(proposal)
}

/// Pushes the proposal; answers the publication.
pub(super) async fn accepted(
    watch: &Watch<'_>,
    progress: &Progress,
    verdict: &mut Verdict,
    proposal: &str,
) -> Result<PublicationId, Failure> {
    let step = progress.step("second push: the proposal");
    repository::write(watch.state, REQUIREMENTS, proposal)?;
    repository::push(watch.state, "Take the proposed requirements").await?;
    let started = Instant::now();
    let publication = watch.published(None, PUBLICATION).await?;
    let published = started.elapsed();
    step.note("Airflow parses");
    watch.parsed(&publication).await?;
    step.done(&publication.to_string());
    verdict.add(
        "the proposal works: built, proved, published, parsed",
        format!("published after {}, parsed after {}", seconds(published), seconds(started.elapsed())),
        true,
    );
    let dags = watch.airflow.dags(REPOSITORY).await?;
    verdict.add(
        "every DAG is in Airflow without import errors",
        format!("{} DAGs", dags.len()),
        dags.len() == DAGS.len() && dags.iter().all(|dag| !dag.has_import_errors),
    );
    Ok(publication)
}
