//! From a refusal to a proposal that works: resolved, built and imported before anybody sees it.

use std::collections::BTreeSet;

use depcache_resolve::{Change, Conflict, Expanded, Proposal, ResolveError};
use uv_normalize::PackageName;

use crate::build::{BuildError, Context, ImportFailure, Proposed, once};
use crate::index::Index;

/// Changes that are tried one upon the other, each verified by building and importing. Real refusals need one or two.
const ROUNDS: usize = 5;

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
        BuildError::Imports { failures, .. } => {
            let note = if found.is_none() { undated(context, index, &failures).await } else { None };
            BuildError::Imports { failures, proposal: found, note }
        }
        other => other,
    }
}

/// Why no upper bound was found by date, when it is the index that does not tell when releases were made.
async fn undated(context: &Context, index: &Index, failures: &[ImportFailure]) -> Option<String> {
    for failure in failures {
        let failing = failure.name.parse::<PackageName>().ok()?;
        let Some(culprit) = &failure.failure.culprit else { continue };
        if let Ok(false) = context.session.knows_uploads(index, failing.clone()).await {
            return Some(format!(
                "the index does not tell when {failing} was released, so which {culprit} it was made for cannot be \
                 found by date: give {culprit} an upper bound by hand"
            ));
        }
    }
    None
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
        let Some((next, more)) =
            step(context, index, &current, &obstacle).await.map_err(BuildError::Resolve)?
        else {
            return Ok(None);
        };
        changes.extend(more);
        current = next;
        obstacle = match once(context, index, &current).await {
            Ok(built) => return Ok(Some(Proposed { changes, files: current.files, built })),
            Err(BuildError::Unsolvable { conflict, .. }) => Obstacle::Conflict(conflict),
            Err(BuildError::Imports { failures, .. }) => Obstacle::Imports(failures),
            Err(other) => return Err(other),
        };
    }
    Ok(None)
}

/// The changed requirements, and what was changed.
type Changed = Option<(Expanded, Vec<Change>)>;

async fn step(
    context: &Context,
    index: &Index,
    current: &Expanded,
    obstacle: &Obstacle,
) -> Result<Changed, ResolveError> {
    let taken = |proposal: Proposal| (proposal.expanded, proposal.changes);
    match obstacle {
        Obstacle::Conflict(conflict) => {
            Ok(context.session.propose(index, current, (**conflict).clone()).await?.map(taken))
        }
        Obstacle::Imports(failures) => after_imports(context, index, current, failures).await,
    }
}

/// All failures are worked on before the next build: each failed in a process of its own. What broke a package is capped;
/// without such a culprit another version of the package is taken.
async fn after_imports(
    context: &Context,
    index: &Index,
    current: &Expanded,
    failures: &[ImportFailure],
) -> Result<Changed, ResolveError> {
    let (session, name) = (&context.session, |name: &str| name.parse::<PackageName>().ok());
    let (mut expanded, mut changes, mut capped) = (current.clone(), Vec::new(), BTreeSet::new());
    for failure in failures {
        let Some(failing) = name(&failure.name) else { continue };
        let culprit = failure.failure.culprit.as_deref().and_then(name);
        let mut found = None;
        if let Some(culprit) = culprit {
            if capped.contains(&culprit) {
                continue;
            }
            found = session.propose_cap(index, &expanded, failing.clone(), culprit.clone()).await?;
            if found.is_some() {
                capped.insert(culprit);
            }
        }
        if found.is_none() {
            found = session.propose_other(index, &expanded, failing).await?;
        }
        if let Some(found) = found {
            expanded = found.expanded;
            changes.extend(found.changes);
        }
    }
    Ok((!changes.is_empty()).then_some((expanded, changes)))
}
