//! Caps for dependencies that are younger than the package that breaks on them.
//!
//! Old releases rarely say that they do not work with a major version that did not exist yet.

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::{MarkerTree, VersionOrUrl};
use uv_normalize::PackageName;

use super::{Place, edit, replace, solved, version_of};
use crate::facts::{Facts, Requirement};
use crate::input::Input;
use crate::requirements::{Entry, Origin, is_project};
use crate::resolution::{Change, Proposal, ResolveError};
use crate::solve::resolve;

/// After a failed import check: `failing` resolved, but broke on a release of `culprit` that is younger than itself.
///
/// Proposes `culprit<NEXT MAJOR`, where the major is that of the newest release of `culprit` when the resolved
/// version of `failing` was uploaded; `culprit<MAJOR.NEXT MINOR` when the major is still the same. The user's line
/// for `culprit` gets the bound, else a line is added behind the one for `failing`. Verified by resolving. `None`:
/// `culprit` is not younger, upload times are not known, or the cap does not resolve.
pub fn propose_cap(
    input: &Input,
    facts: &dyn Facts,
    failing: &PackageName,
    culprit: &PackageName,
) -> Result<Option<Proposal>, ResolveError> {
    if input.expanded.options.require_hashes {
        return Ok(None);
    }
    let Some(current) = solved(resolve(input, facts))? else { return Ok(None) };
    let (Some(old), Some(young)) = (version_of(&current, failing), version_of(&current, culprit)) else {
        return Ok(None);
    };
    let Some((_, moment)) = releases(facts, failing)?.into_iter().find(|(version, _)| *version == old) else {
        return Ok(None);
    };
    let newest_then = releases(facts, culprit)?
        .into_iter()
        .filter(|(version, uploaded_ms)| version.is_stable() && *uploaded_ms <= moment)
        .map(|(version, _)| version)
        .max();
    let Some(cap) = newest_then.and_then(|then| cap(&then, &young)) else { return Ok(None) };
    let why = format!("{failing} {old} is older than {culprit} {cap} and does not work with {young}");
    let mut capped = input.clone();
    let Some(change) = add(&mut capped, failing, culprit, &cap, why) else { return Ok(None) };
    let Some(resolution) = solved(resolve(&capped, facts))? else { return Ok(None) };
    Ok(Some(Proposal { changes: vec![change], expanded: capped.expanded, resolution }))
}

/// Releases with the moment of their first upload; without those whose moment the index does not tell.
fn releases(facts: &dyn Facts, package: &PackageName) -> Result<Vec<(Version, i64)>, ResolveError> {
    let all = uploads(facts, package)?.into_iter();
    Ok(all.filter_map(|(version, uploaded_ms)| Some((version, uploaded_ms?))).collect())
}

/// All releases, ascending, with the moment of their first upload, when the index tells it.
pub(super) fn uploads(
    facts: &dyn Facts,
    package: &PackageName,
) -> Result<Vec<(Version, Option<i64>)>, ResolveError> {
    let files =
        facts.files(package).map_err(|source| ResolveError::Facts { package: package.clone(), source })?;
    let mut releases: std::collections::BTreeMap<Version, Option<i64>> = std::collections::BTreeMap::new();
    for file in files.all() {
        let Some(parsed) = crate::facts::parse_filename(&file.filename, package) else { continue };
        let first = releases.entry(parsed.version().clone()).or_insert(file.upload_time_ms);
        *first = (*first).into_iter().chain(file.upload_time_ms).min();
    }
    Ok(releases.into_iter().collect())
}

/// Whether the index tells when releases of the package were uploaded.
pub fn knows_uploads(facts: &dyn Facts, package: &PackageName) -> Result<bool, ResolveError> {
    Ok(!releases(facts, package)?.is_empty())
}

/// The first version above everything that existed then; `None` when `now` is not above it.
fn cap(then: &Version, now: &Version) -> Option<Version> {
    let part = |version: &Version, index: usize| version.release().get(index).copied().unwrap_or(0);
    let (major, minor) = (part(then, 0), part(then, 1));
    let cap = if part(now, 0) > major { Version::new([major + 1]) } else { Version::new([major, minor + 1]) };
    (cap.epoch() == now.epoch() && *now >= cap).then_some(cap)
}

fn add(
    input: &mut Input,
    failing: &PackageName,
    culprit: &PackageName,
    cap: &Version,
    why: String,
) -> Option<Change> {
    let below = VersionSpecifier::less_than_version(cap.clone());
    let expanded = &mut input.expanded;
    let position_of =
        |name: &PackageName| expanded.requirements.iter().position(|entry| entry.requirement.name == *name);
    if let Some(position) = position_of(culprit) {
        let entry = &expanded.requirements[position];
        if entry.direct.is_some() {
            return None;
        }
        let known = match &entry.requirement.version_or_url {
            Some(VersionOrUrl::VersionSpecifier(known)) => known.clone(),
            _ => VersionSpecifiers::empty(),
        };
        let written = edit::specifiers(&entry.origin.text);
        let comma = if written.is_empty() { "" } else { "," };
        let specifiers: VersionSpecifiers = known.iter().cloned().chain([below]).collect();
        return Some(replace(
            expanded,
            Place::Requirement(position),
            specifiers,
            &format!("{written}{comma}<{cap}"),
            why,
        ));
    }
    let text = format!("{culprit}<{cap}");
    let behind = position_of(failing).map(|position| {
        let origin = &expanded.requirements[position].origin;
        (position + 1, origin.file.clone(), origin.last_line)
    });
    let (position, file, line) = behind.unwrap_or_else(|| {
        let file = expanded.files.iter().find(|file| !file.constraints);
        let path = file.map_or_else(String::new, |file| file.path.clone());
        let lines = file.map_or(0, |file| file.text.lines().count());
        (expanded.requirements.len(), path, lines)
    });
    // A new line is one of a requirements file; into an array of TOML it does not go.
    if is_project(&file) {
        return None;
    }
    let line = edit::insert(expanded, &file, line, &text);
    let requirement = Requirement {
        name: culprit.clone(),
        extras: Box::default(),
        version_or_url: Some(VersionOrUrl::VersionSpecifier(VersionSpecifiers::from(below))),
        marker: MarkerTree::default(),
        origin: None,
    };
    let origin = Origin { file: file.clone(), line, last_line: line, text: text.clone() };
    expanded.requirements.insert(position, Entry { requirement, direct: None, hashes: Vec::new(), origin });
    Some(Change { file, line, before: None, after: text, why })
}
