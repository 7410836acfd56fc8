//! The smallest change of the user's own lines that resolves.
//!
//! Lines that take part in the conflict are loosened one at a time, then in pairs; what the loosened lines resolve
//! to is pinned again, and the pinned lines are resolved once more before anybody sees them.

mod cap;
mod edit;
mod loosen;
mod other;

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;

use crate::facts::Facts;
use crate::input::Input;
use crate::requirements::Expanded;
use crate::resolution::{Change, Conflict, Proposal, Resolution, ResolveError};
use crate::solve::resolve;
use loosen::Step;

pub use cap::propose_cap;
pub use other::propose_other;

/// Resolutions that one proposal may cost. Each takes seconds at worst; nobody waits longer for a suggestion.
const MAX_ATTEMPTS: usize = 24;

/// Proposes a change that resolves `conflict`, verified by resolving it. `None`: none was found within bounds, or
/// the lines carry hashes, which only their author can renew.
pub fn propose(
    input: &Input,
    facts: &dyn Facts,
    conflict: &Conflict,
) -> Result<Option<Proposal>, ResolveError> {
    if input.expanded.options.require_hashes {
        return Ok(None);
    }
    let involved: Vec<usize> = (0..input.expanded.requirements.len())
        .filter(|position| conflict.involved.contains(&input.expanded.requirements[*position].origin))
        .collect();
    for positions in choices(&involved) {
        if let Some(proposal) = attempt(input, facts, conflict, &positions)? {
            return Ok(Some(proposal));
        }
    }
    Ok(None)
}

/// What to loosen, smallest change first: one line upwards, one line freely, two upwards, two freely.
fn choices(involved: &[usize]) -> Vec<Vec<(usize, Step)>> {
    let mut all = Vec::new();
    for step in [Step::Upwards, Step::Freely] {
        all.extend(involved.iter().map(|one| vec![(*one, step)]));
    }
    for step in [Step::Upwards, Step::Freely] {
        for (index, first) in involved.iter().enumerate() {
            all.extend(involved[index + 1..].iter().map(|second| vec![(*first, step), (*second, step)]));
        }
    }
    all.truncate(MAX_ATTEMPTS);
    all
}

fn attempt(
    input: &Input,
    facts: &dyn Facts,
    conflict: &Conflict,
    positions: &[(usize, Step)],
) -> Result<Option<Proposal>, ResolveError> {
    let mut trial = input.clone();
    for (position, step) in positions {
        let requirement = &mut trial.expanded.requirements[*position].requirement;
        let Some(loosened) = loosen::loosen(requirement, *step) else { return Ok(None) };
        *requirement = loosened;
    }
    let Some(found) = solved(resolve(&trial, facts))? else { return Ok(None) };
    let mut pinned = input.clone();
    let mut changes = Vec::new();
    for (position, _) in positions {
        let name = &input.expanded.requirements[*position].requirement.name;
        let Some(version) = version_of(&found, name) else { return Ok(None) };
        let why = format!("{}; {version} is the version that works with everything else", conflict.summary);
        let specifier = format!("=={version}");
        let pin = VersionSpecifiers::from(VersionSpecifier::equals_version(version));
        changes.push(replace(&mut pinned.expanded, *position, pin, &specifier, why));
    }
    let Some(resolution) = solved(resolve(&pinned, facts))? else { return Ok(None) };
    changes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(Some(Proposal { changes, expanded: pinned.expanded, resolution }))
}

/// A conflict is an answer here: this change does not help.
fn solved(result: Result<Resolution, ResolveError>) -> Result<Option<Resolution>, ResolveError> {
    match result {
        Ok(resolution) => Ok(Some(resolution)),
        Err(ResolveError::Conflict(_) | ResolveError::TooLong { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The version that a resolution gives a name, installed or kept.
fn version_of(resolution: &Resolution, name: &uv_normalize::PackageName) -> Option<Version> {
    let kept = resolution.kept.iter().find(|kept| kept.name == *name).map(|kept| kept.version.clone());
    resolution.package(name).map(|pinned| pinned.version.clone()).or(kept)
}

/// Gives a requirement line other specifiers: in the entry, and in the text of its file.
fn replace(
    expanded: &mut Expanded,
    position: usize,
    specifiers: VersionSpecifiers,
    text: &str,
    why: String,
) -> Change {
    let entry = &mut expanded.requirements[position];
    let before = entry.origin.clone();
    entry.requirement.version_or_url = Some(VersionOrUrl::VersionSpecifier(specifiers));
    let after = edit::with_specifiers(&before.text, text);
    edit::replace(expanded, &before, &after);
    Change { file: before.file, line: before.line, before: Some(before.text), after, why }
}
