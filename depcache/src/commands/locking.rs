//! From what the user hands in to a lock: what `lock`, `why` and `export` share.

use depcache::blocking::blocking;
use depcache::index::Index;
use depcache::lock::Lock;
use depcache::progress::Event;
use depcache::session::{Files, Session};
use depcache_resolve::{Expanded, Resolution, ResolveError};
use domain::exit;

use super::Failure;
use super::args::Format;
use super::proposal::ProposalArgs;
use super::upgrade::Upgrade;

/// Resolves, and completes the answer to a lock; a conflict is told with proposals, in their form.
pub(super) async fn make(
    session: &Session,
    expanded: &Expanded,
    index: &Index,
    earlier: Option<&Lock>,
    upgrade: &Upgrade,
    (proposal, format): (&ProposalArgs, Format),
) -> Result<(Lock, Resolution), Failure> {
    let bug = |error| Failure::of(exit::BUG, &error, None);
    let inputs = session.lock_inputs(expanded, index).map_err(bug)?;
    let mut session = session.clone();
    session.options.preferences = upgrade.preferences(earlier);
    let expanded = upgrade.constrained(expanded);
    let started = std::time::Instant::now();
    session.progress.tell(Event::Started { step: "resolve", total: 0 });
    let resolution = match session.resolve(index, &expanded).await {
        Err(ResolveError::Conflict(conflict)) => {
            return Err(proposal.refuse(&session, index, &expanded, &conflict, format).await?);
        }
        other => other?,
    };
    let mut lock = Lock::new(&session.base.base, &resolution, index).await?;
    lock.inputs = Some(inputs);
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = format!(
        "{} requirements: {} packages to install, {} of the base kept, {} replaced",
        expanded.requirements.len(),
        resolution.packages.len(),
        resolution.kept.len(),
        resolution.shadows.len(),
    );
    session.progress.tell(Event::Finished { step: "resolve", took_ms, outcome: &outcome });
    Ok((lock, resolution))
}

/// Reads what the user hands in; files at addresses are fetched.
pub(super) async fn expand(session: &Session, files: &Files) -> Result<Expanded, Failure> {
    let (session, files) = (session.clone(), files.clone());
    Ok(blocking(move || session.expand(&files)).await?)
}

pub(super) async fn open_index(session: &Session, expanded: &Expanded) -> Result<Index, Failure> {
    let (session, expanded) = (session.clone(), expanded.clone());
    Ok(blocking(move || session.open_index(&expanded)).await?)
}
