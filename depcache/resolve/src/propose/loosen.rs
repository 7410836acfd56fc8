//! Looser specifiers for a requirement.

use pep440_rs::{Operator, VersionSpecifier, VersionSpecifiers};
use pep508_rs::VersionOrUrl;

use crate::facts::Requirement;

/// How far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Newer versions too: pins become lower bounds, upper bounds go.
    Upwards,
    /// Any version; exclusions stay.
    Freely,
}

/// The requirement with loosened specifiers; `None`: the step changes nothing.
pub(super) fn loosen(requirement: &Requirement, step: Step) -> Option<Requirement> {
    let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &requirement.version_or_url else { return None };
    let loosened: VersionSpecifiers = specifiers.iter().filter_map(|one| looser(one, step)).collect();
    (loosened != *specifiers).then(|| Requirement {
        version_or_url: (!loosened.is_empty()).then_some(VersionOrUrl::VersionSpecifier(loosened)),
        ..requirement.clone()
    })
}

fn looser(specifier: &VersionSpecifier, step: Step) -> Option<VersionSpecifier> {
    let version = specifier.version().clone();
    match (specifier.operator(), step) {
        (Operator::NotEqual | Operator::NotEqualStar, _)
        | (Operator::GreaterThan | Operator::GreaterThanEqual, Step::Upwards) => Some(specifier.clone()),
        (
            Operator::Equal | Operator::ExactEqual | Operator::EqualStar | Operator::TildeEqual,
            Step::Upwards,
        ) => Some(VersionSpecifier::greater_than_equal_version(version.without_local())),
        (Operator::LessThan | Operator::LessThanEqual, _) | (_, Step::Freely) => None,
    }
}
