//! The demo: the main job from the first refused push to zero workers again, claim by claim.

mod accidents;
mod bill;
mod change;
mod drain;
mod main_job;
mod push;
mod roll;
mod sync_view;
mod verdict;
mod watch;
mod worker_processes;

use std::time::Duration;

use crate::bring_up;
use crate::failure::Failure;
use crate::ledger::write_json;
use crate::line::Line;
use crate::progress::Progress;
use crate::state::{Overrides, State};
pub(crate) use sync_view::refusal;
use verdict::Verdict;
pub(crate) use watch::Watch;

/// Airflow notices a lost heartbeat after five minutes by default: too long to watch.
pub(crate) fn overrides(airflow: Line) -> Overrides {
    let airflow = airflow.quick_to_notice().iter();
    Overrides {
        airflow: airflow.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        ..Overrides::default()
    }
}

/// Runs the demo; exit code 0 only when every claim holds.
pub(crate) async fn run(state: &State, progress: &Progress) -> Result<u8, Failure> {
    let keep = std::env::var("KEEP").is_ok_and(|value| value == "1");
    let verdict = bring_up::guarded(state, progress, || script(state, progress)).await?;
    progress.say(&format!("\n{}", verdict.table()));
    write_json(&state.path("verdict.json"), &verdict)?;
    if keep {
        progress.say("KEEP=1: everything runs on; `updraft-local down` (make demo-down) ends it.");
        bring_up::print_urls(state);
    } else {
        bring_up::down(state, progress).await?;
    }
    Ok(if verdict.holds() { domain::exit::OK } else { domain::exit::NOTHING })
}

async fn script(state: &State, progress: &Progress) -> Result<Verdict, Failure> {
    let base = bring_up::up(state, progress).await?;
    let watch = Watch::new(state, &base).await?;
    let mut verdict = Verdict::default();
    // A step that cannot go on ends the script, not the verdict: what was seen until then is worth its table.
    if let Err(failure) = claims(&watch, progress, &mut verdict).await {
        if matches!(failure, Failure::Interrupted) {
            return Err(failure);
        }
        failure.tell(progress);
        verdict.add(
            "the demo runs to its end",
            failure.to_string().lines().next().unwrap_or_default(),
            false,
        );
    }
    Ok(verdict)
}

async fn claims(watch: &Watch<'_>, progress: &Progress, verdict: &mut Verdict) -> Result<(), Failure> {
    let proposal = push::refused(watch, progress, verdict).await?;
    let first = push::accepted(watch, progress, verdict, &proposal).await?;
    main_job::run(watch, progress, verdict).await?;
    let second = change::code(watch, progress, verdict, &first).await?;
    match watch.state.airflow() {
        Line::Three => change::environment(watch, progress, verdict, &second).await?,
        Line::Two => roll::environment(watch, progress, verdict, &second).await?,
    }
    accidents::leftover(watch, progress, verdict).await?;
    accidents::lost(watch, progress, verdict).await?;
    drain::to_zero(watch, progress, verdict).await?;
    drain::adds_up(watch, verdict).await
}

/// Seconds with one digit, as tables show them.
fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}
