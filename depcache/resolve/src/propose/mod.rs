//! The smallest changes of the user's own lines that resolve.
//!
//! Lines that take part in the conflict are loosened one at a time, then in pairs; what a loosened pin resolves to is
//! pinned again, and the changed lines are resolved once more before anybody sees them. What resolves is ranked: a
//! small step to another version before a large one, and a fall far back behind everything else, because old
//! releases declare so few limits that they resolve where they do not work.

mod cap;
pub(crate) mod diff;
mod edit;
mod loosen;
mod other;
mod rank;

use pep440_rs::{Operator, Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;

use crate::facts::{Facts, Requirement};
use crate::input::Input;
use crate::requirements::{Entry, Expanded};
use crate::resolution::{Change, Conflict, Proposal, Resolution, ResolveError};
use crate::solve::resolve;
use loosen::Step;
use rank::{Rank, Shift};

pub use cap::{knows_uploads, propose_cap};
pub use other::propose_other;

/// Changes that are tried for one conflict. Each takes seconds at worst; nobody waits longer for a suggestion.
const MAX_ATTEMPTS: usize = 24;
/// Proposals that are shown. More than three are not compared.
const MAX_PROPOSALS: usize = 3;

/// The best of [`propose_all`].
pub fn propose(
    input: &Input,
    facts: &dyn Facts,
    conflict: &Conflict,
) -> Result<Option<Proposal>, ResolveError> {
    Ok(propose_all(input, facts, conflict)?.into_iter().next())
}

/// Changes that resolve `conflict`, best first, each verified by resolving it.
///
/// Empty: none was found within bounds, or the lines carry hashes, which only their author can renew.
pub fn propose_all(
    input: &Input,
    facts: &dyn Facts,
    conflict: &Conflict,
) -> Result<Vec<Proposal>, ResolveError> {
    if input.expanded.options.require_hashes {
        return Ok(Vec::new());
    }
    let places = places(&input.expanded, conflict);
    let mut found: Vec<(Rank, Proposal)> = Vec::new();
    for positions in choices(&places).into_iter().take(MAX_ATTEMPTS) {
        // Two lines are changed only where one is not enough, or would have to go far back.
        let is_enough = found.iter().any(|(rank, _)| !rank.is_far_back());
        if positions.len() > 1 && is_enough {
            break;
        }
        if let Some((rank, proposal)) = attempt(input, facts, &positions)?
            && !found.iter().any(|(_, known)| known.resolution == proposal.resolution)
        {
            found.push((rank, proposal));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found.into_iter().take(MAX_PROPOSALS).map(|(_, proposal)| proposal).collect())
}

/// A line that may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Requirement(usize),
    Constraint(usize),
}

impl Place {
    fn entry(self, expanded: &Expanded) -> &Entry {
        match self {
            Self::Requirement(position) => &expanded.requirements[position],
            Self::Constraint(position) => &expanded.constraints[position],
        }
    }

    fn entry_mut(self, expanded: &mut Expanded) -> &mut Entry {
        match self {
            Self::Requirement(position) => &mut expanded.requirements[position],
            Self::Constraint(position) => &mut expanded.constraints[position],
        }
    }
}

/// The user's lines that take part, then constraints of packages that do. Files at an address are somebody else's.
fn places(expanded: &Expanded, conflict: &Conflict) -> Vec<Place> {
    let lines = (0..expanded.requirements.len())
        .filter(|position| conflict.involved.contains(&expanded.requirements[*position].origin))
        .map(Place::Requirement);
    let constraints = (0..expanded.constraints.len())
        .filter(|position| conflict.packages.contains(&expanded.constraints[*position].requirement.name))
        .map(Place::Constraint);
    let is_own = |place: &Place| !place.entry(expanded).origin.file.contains("://");
    lines.chain(constraints).filter(is_own).collect()
}

/// What to loosen, smallest change first: one line upwards, one line freely, two upwards, two freely.
fn choices(places: &[Place]) -> Vec<Vec<(Place, Step)>> {
    let mut all = Vec::new();
    for step in [Step::Upwards, Step::Freely] {
        all.extend(places.iter().map(|one| vec![(*one, step)]));
    }
    for step in [Step::Upwards, Step::Freely] {
        for (index, first) in places.iter().enumerate() {
            all.extend(places[index + 1..].iter().map(|second| vec![(*first, step), (*second, step)]));
        }
    }
    all
}

fn attempt(
    input: &Input,
    facts: &dyn Facts,
    positions: &[(Place, Step)],
) -> Result<Option<(Rank, Proposal)>, ResolveError> {
    let mut trial = input.clone();
    for (place, step) in positions {
        let requirement = &mut place.entry_mut(&mut trial.expanded).requirement;
        let Some(loosened) = loosen::loosen(requirement, *step) else { return Ok(None) };
        *requirement = loosened;
    }
    let Some(found) = solved(resolve(&trial, facts))? else { return Ok(None) };
    let mut edited = input.clone();
    let (mut changes, mut shifts) = (Vec::new(), Vec::new());
    for (place, step) in positions {
        let before = &place.entry(&input.expanded).requirement;
        let Some(version) = version_of(&found, &before.name) else { return Ok(None) };
        let shift = Shift::new(facts, input, before, &version)?;
        let loosened = &place.entry(&trial.expanded).requirement;
        let (specifiers, text) = written(before, loosened, *step, version);
        changes.push(replace(&mut edited.expanded, *place, specifiers, &text, shift.to_string()));
        shifts.push(shift);
    }
    let Some(resolution) = solved(resolve(&edited, facts))? else { return Ok(None) };
    changes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    let proposal = Proposal { changes, expanded: edited.expanded, resolution };
    Ok(Some((Rank::new(&shifts), proposal)))
}

/// A pin stays a pin, of what was found. A range that only had to grow upwards grows, without the bound that was in the way.
fn written(
    before: &Requirement,
    loosened: &Requirement,
    step: Step,
    found: Version,
) -> (VersionSpecifiers, String) {
    let specifiers = |requirement: &Requirement| match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => specifiers.clone(),
        _ => VersionSpecifiers::empty(),
    };
    let is_bound = |one: &VersionSpecifier| {
        matches!(
            one.operator(),
            Operator::LessThan
                | Operator::LessThanEqual
                | Operator::GreaterThan
                | Operator::GreaterThanEqual
                | Operator::NotEqual
                | Operator::NotEqualStar
        )
    };
    if step == Step::Upwards && specifiers(before).iter().all(is_bound) {
        let left = specifiers(loosened);
        let text: Vec<String> = left.iter().map(ToString::to_string).collect();
        return (left, text.join(","));
    }
    let text = format!("=={found}");
    (VersionSpecifiers::from(VersionSpecifier::equals_version(found)), text)
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

/// Gives a line other specifiers: in the entry, and in the text of its file.
fn replace(
    expanded: &mut Expanded,
    place: Place,
    specifiers: VersionSpecifiers,
    text: &str,
    why: String,
) -> Change {
    let entry = place.entry_mut(expanded);
    let before = entry.origin.clone();
    entry.requirement.version_or_url =
        (!specifiers.is_empty()).then_some(VersionOrUrl::VersionSpecifier(specifiers));
    let after = edit::with_specifiers(&before.text, text);
    edit::replace(expanded, &before, &after);
    Change { file: before.file, line: before.line, before: Some(before.text), after, why }
}
