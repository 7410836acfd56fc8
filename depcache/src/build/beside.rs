//! Requirements that have a lock beside them: the lock is used as it is while it is what they say.

use depcache_resolve::Expanded;
use domain::canonical::CanonicalError;
use domain::request::IndexPolicy;
use domain::{Manifest, Request};

use super::{BuildError, Built, Context, from_expanded, locked, open_index};
use crate::blocking::blocking;
use crate::lock::{self, Freshness, Lock, PylockError, ReadLockError};
use crate::session::Files;

/// Differences from the lock that one warning names; more are counted.
const MOST_NAMED: usize = 10;

/// Builds requirements files, by their lock if they have one.
pub(super) async fn from_files(
    context: &Context,
    files: &Files,
    expanded: &Expanded,
    propose: bool,
) -> Result<Built, BuildError> {
    let Some(path) = lock::path_beside(files) else {
        return from_expanded(context, expanded, propose).await;
    };
    let reading = path.clone();
    let found = match blocking(move || lock::read(&reading)).await {
        Ok(Some(found)) => found,
        Ok(None) => return from_expanded(context, expanded, propose).await,
        Err(ReadLockError::Pylock { path, source: PylockError::Foreign { tool } }) => {
            let mut built = from_expanded(context, expanded, propose).await?;
            built.warnings.push(format!(
                "{path} was written by {tool} and names no base: it was left aside, and the requirements resolved"
            ));
            return Ok(built);
        }
        Err(error) => return Err(error.into()),
    };
    let index = open_index(context, expanded).await?;
    let inputs = context.session.lock_inputs(expanded, &index)?;
    let stale = |changes| BuildError::StaleLock {
        path: path.clone(),
        requirements: files.requirements.join(" "),
        changes,
    };
    match found.freshness(&inputs, context.session.base.base.id()?) {
        Freshness::Fresh => locked(context, &index, &found).await,
        Freshness::Stale(changes) => Err(stale(changes)),
        Freshness::Unknown => Err(stale(vec!["it does not say what it was made from".into()])),
        Freshness::OtherBase => {
            let mut context = context.clone();
            context.session.options.preferences = found.pins();
            let mut built = from_expanded(&context, expanded, propose).await?;
            built.warnings.push(departures(&path.display().to_string(), &found, &built.manifest));
            Ok(built)
        }
    }
}

/// What a build for another base has otherwise than the lock.
fn departures(path: &str, lock: &Lock, manifest: &Manifest) -> String {
    let pins = lock.pins();
    let other: Vec<_> = manifest
        .layers
        .iter()
        .filter_map(|layer| {
            let pinned = pins.get(&layer.name.parse().ok()?).map(ToString::to_string);
            match pinned {
                Some(pinned) if pinned == layer.version => None,
                Some(pinned) => Some(format!("{} {} instead of {pinned}", layer.name, layer.version)),
                None => Some(format!("{} {} beside it", layer.name, layer.version)),
            }
        })
        .collect();
    let head = format!("{path} was made for another base; resolved for this one with its versions preferred");
    match other.len() {
        0 => format!("{head}: the same versions"),
        count if count > MOST_NAMED => {
            format!("{head}: {}, and {} more", other[..MOST_NAMED].join(", "), count - MOST_NAMED)
        }
        _ => format!("{head}: {}", other.join(", ")),
    }
}

/// The request that a lock is: its identity says everything, so no requirement, rule or index stands beside it.
pub(super) fn request(lock: &Lock) -> Result<Request, CanonicalError> {
    Ok(Request {
        schema: domain::request::SCHEMA,
        requirements: vec![format!("lock {}", lock.id()?)],
        constraints: Vec::new(),
        base_id: lock.base_id,
        base_policy: "lock".into(),
        protected: Vec::new(),
        index: IndexPolicy { urls: Vec::new(), find_links: Vec::new(), strategy: "lock".into() },
        exclude_newer: None,
        verify: "imports".into(),
    })
}
