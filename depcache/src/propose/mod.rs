//! From a refusal to a proposal that works: resolved, built and imported before anybody sees it.

use depcache_resolve::{Change, Conflict, Expanded, Proposal, ResolveError};
use uv_normalize::PackageName;

use crate::build::{BuildError, Context, ImportFailure, Proposed, once};
use crate::index::Index;

/// Changes that are tried one upon the other. Real refusals need one or two; each round is a build.
const ROUNDS: usize = 4;

/// What stands in the way.
enum Obstacle {
    Conflict(Box<Conflict>),
    Imports(Vec<ImportFailure>),
}

/// Adds a proposal to `error` when it is one that a change of the requirements can resolve.
pub(crate) async fn attach(
    context: &Context,
    index: &Index,
    expanded: &Expanded,
    error: BuildError,
) -> BuildError {
    let obstacle = match &error {
        BuildError::Unsolvable { conflict, .. } => Obstacle::Conflict(conflict.clone()),
        BuildError::Imports { failures, .. } => Obstacle::Imports(failures.clone()),
        _ => return error,
    };
    let found = match search(context, index, expanded, obstacle).await {
        Ok(found) => found.map(Box::new),
        Err(failed) => {
            tracing::warn!(error = %failed, "the search for a proposal ended early");
            None
        }
    };
    match error {
        BuildError::Unsolvable { conflict, .. } => BuildError::Unsolvable { conflict, proposal: found },
        BuildError::Imports { failures, .. } => BuildError::Imports { failures, proposal: found },
        other => other,
    }
}

async fn search(
    context: &Context,
    index: &Index,
    expanded: &Expanded,
    mut obstacle: Obstacle,
) -> Result<Option<Proposed>, BuildError> {
    let mut current = expanded.clone();
    let mut changes: Vec<Change> = Vec::new();
    for _ in 0..ROUNDS {
        let Some(proposal) =
            step(context, index, &current, &obstacle).await.map_err(BuildError::Resolve)?
        else {
            return Ok(None);
        };
        changes.extend(proposal.changes);
        current = proposal.expanded;
        obstacle = match once(context, index, &current).await {
            Ok(built) => return Ok(Some(Proposed { changes, files: current.files, built })),
            Err(BuildError::Unsolvable { conflict, .. }) => Obstacle::Conflict(conflict),
            Err(BuildError::Imports { failures, .. }) => Obstacle::Imports(failures),
            Err(other) => return Err(other),
        };
    }
    Ok(None)
}

async fn step(
    context: &Context,
    index: &Index,
    current: &Expanded,
    obstacle: &Obstacle,
) -> Result<Option<Proposal>, ResolveError> {
    let session = &context.session;
    match obstacle {
        Obstacle::Conflict(conflict) => session.propose(index, current, (**conflict).clone()).await,
        Obstacle::Imports(failures) => {
            for failure in failures {
                let culprit = failure.failure.culprit.as_deref().and_then(|name| name.parse::<PackageName>().ok());
                let failing = failure.name.parse::<PackageName>().ok();
                let (Some(failing), Some(culprit)) = (failing, culprit) else { continue };
                if let Some(found) = session.propose_cap(index, current, failing, culprit).await? {
                    return Ok(Some(found));
                }
            }
            Ok(None)
        }
    }
}
