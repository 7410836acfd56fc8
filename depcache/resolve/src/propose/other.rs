//! Another version of a package that resolves, but does not work.

use pep440_rs::{Version, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;
use uv_normalize::PackageName;

use super::loosen::{Step, loosen};
use super::rank::Shift;
use super::{Place, replace, solved, version_of};
use crate::facts::{Facts, Requirement};
use crate::input::Input;
use crate::resolution::{Proposal, ResolveError};
use crate::solve::resolve;

/// After a failed import check: the resolved version of `failing` does not work here, and no other package is to blame.
///
/// Proposes the version that the user's line gives when it is loosened (upwards first) and the broken version is
/// excluded, pinned. Verified by resolving. `None`: no line of the user names it, hashes are required, or nothing else
/// resolves.
pub fn propose_other(
    input: &Input,
    facts: &dyn Facts,
    failing: &PackageName,
) -> Result<Option<Proposal>, ResolveError> {
    let lines = &input.expanded.requirements;
    let Some(position) = lines.iter().position(|entry| entry.requirement.name == *failing) else {
        return Ok(None);
    };
    if input.expanded.options.require_hashes || lines[position].direct.is_some() {
        return Ok(None);
    }
    let Some(current) = solved(resolve(input, facts))? else { return Ok(None) };
    let Some(broken) = version_of(&current, failing) else { return Ok(None) };
    for step in [Step::Upwards, Step::Freely] {
        let mut trial = input.clone();
        let requirement = &mut trial.expanded.requirements[position].requirement;
        let loosened = loosen(requirement, step).unwrap_or_else(|| requirement.clone());
        *requirement = without(loosened, &broken);
        let Some(found) = solved(resolve(&trial, facts))? else { continue };
        let Some(version) = version_of(&found, failing) else { continue };
        let shift = Shift::new(facts, input, &lines[position].requirement, &version)?;
        let why = format!("{failing} {broken} does not work here; {shift}");
        let text = format!("=={version}");
        let pin = VersionSpecifiers::from(VersionSpecifier::equals_version(version));
        let mut pinned = input.clone();
        let change = replace(&mut pinned.expanded, Place::Requirement(position), pin, &text, why);
        if let Some(resolution) = solved(resolve(&pinned, facts))? {
            return Ok(Some(Proposal { changes: vec![change], expanded: pinned.expanded, resolution }));
        }
    }
    Ok(None)
}

/// The same requirement, not met by this version.
fn without(requirement: Requirement, broken: &Version) -> Requirement {
    let known = match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(known)) => known.clone(),
        _ => VersionSpecifiers::empty(),
    };
    let excluded = VersionSpecifier::not_equals_version(broken.clone());
    let specifiers = known.iter().cloned().chain([excluded]).collect();
    Requirement { version_or_url: Some(VersionOrUrl::VersionSpecifier(specifiers)), ..requirement }
}
