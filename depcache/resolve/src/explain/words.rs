//! Ranges and versions as people write them.

use std::collections::BTreeMap;
use std::ops::Bound;

use pep440_rs::Version;
use pubgrub::Ranges;

use super::facts::{Fact, Leaves};
use crate::catalogue::Unavailable;
use crate::graph::Package;
use crate::provider::Provider;

/// `a, b and c`.
pub(super) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// `>=2,<3 or ==4.1`. Ranges hold bounds that no version has (before every pre-release, after every local
/// version); they are written as the specifier that they came from.
pub(super) fn range(range: &Ranges<Version>) -> String {
    if *range == Ranges::full() {
        return "in any version".into();
    }
    let segments: Vec<String> = range.iter().map(|(low, high)| segment(low, high)).collect();
    if segments.is_empty() { "in no version at all".into() } else { segments.join(" or ") }
}

fn segment(low: Bound<&Version>, high: Bound<&Version>) -> String {
    if let (Bound::Included(low), Bound::Included(high)) = (low, high)
        && plain(low) == plain(high)
    {
        return format!("=={}", plain(low));
    }
    let low = match low {
        Bound::Included(version) => Some(format!(">={}", plain(version))),
        Bound::Excluded(version) => Some(format!(">{}", plain(version))),
        Bound::Unbounded => None,
    };
    let high = match high {
        Bound::Included(version) => Some(format!("<={}", plain(version))),
        Bound::Excluded(version) => Some(format!("<{}", plain(version))),
        Bound::Unbounded => None,
    };
    low.into_iter().chain(high).collect::<Vec<_>>().join(",")
}

/// Without the sentinels of ranges: before any pre-release (`<2` ends there), after any local version.
fn plain(version: &Version) -> String {
    let mut plain = version.clone();
    // uv's setters refuse versions that cannot carry a sentinel, even to take it away.
    if !plain.is_pre() && !plain.is_dev() {
        plain = plain.with_min(None);
    }
    if !plain.is_post() && !plain.is_dev() {
        plain = plain.with_max(None);
    }
    plain.without_local().to_string().trim_end_matches(".dev0").to_owned()
}

/// `numpy 1.26.4`, `numpy 2.0.0 to 2.4.6 (31 versions)`, `every version of numpy`; and whether it is a plural.
pub(super) fn versions(
    provider: &Provider<'_>,
    package: &Package,
    range: &Ranges<Version>,
) -> (String, bool) {
    let Some(name) = package.name() else { return (package.to_string(), true) };
    if let Some(installed) = provider.graph.base.get(name)
        && range.contains(&installed.version)
    {
        return (format!("{package} {} of the base", installed.version), false);
    }
    let listing = provider.graph.catalogue.known(name);
    let usable: Vec<&Version> = listing
        .iter()
        .flat_map(|listing| listing.states())
        .filter(|(_, state)| state.is_ok())
        .map(|(version, _)| version)
        .collect();
    let fitting: Vec<&&Version> = usable.iter().filter(|version| range.contains(**version)).collect();
    match fitting.as_slice() {
        [] => (format!("{package} {}", self::range(range)), false),
        [one] => (format!("{package} {one}"), false),
        _ if fitting.len() == usable.len() => (format!("every version of {package}"), false),
        [first, .., last] => (format!("{package} {first} to {last} ({} versions)", fitting.len()), true),
    }
}

/// Why nothing in the range can be chosen; silent where other facts speak for the package's versions.
pub(super) fn no_versions(
    provider: &Provider<'_>,
    leaves: &Leaves,
    package: &Package,
    range: &Ranges<Version>,
) -> Vec<String> {
    let Some(name) = package.name() else { return vec![] };
    let Some(listing) = provider.graph.catalogue.known(name) else { return vec![] };
    if listing.is_unknown {
        return vec![format!("no index has a package named {name}")];
    }
    let mut by_reason: BTreeMap<&Unavailable, Vec<&Version>> = BTreeMap::new();
    for (version, state) in listing.states() {
        if let (Err(reason), true) = (state, range.contains(version)) {
            by_reason.entry(reason).or_default().push(version);
        }
    }
    if by_reason.is_empty() {
        let is_told = leaves.facts.iter().any(|fact| match fact {
            Fact::Requires { package: from, .. } | Fact::Unusable { package: from, .. } => from == package,
            other => other.limits().is_some_and(|(from, _)| from == package),
        });
        let numbers = listing.numbers();
        return match (is_told, numbers.first(), numbers.last()) {
            (true, ..) => vec![],
            (false, None, _) | (false, _, None) => vec![format!("{name} has no releases at all")],
            (false, Some(only), Some(last)) if only == last => {
                vec![format!("there is no such version of {name}: only {only} exists")]
            }
            (false, Some(first), Some(last)) => {
                vec![format!("there is no such version of {name}: there are {first} to {last}")]
            }
        };
    }
    by_reason
        .into_iter()
        .rev()
        .map(|(reason, versions)| match versions.as_slice() {
            [first, .., last] => {
                format!("{name} {first} to {last} ({} versions) cannot be used: {reason}", versions.len())
            }
            _ => format!("{name} {} cannot be used: {reason}", versions[0]),
        })
        .collect()
}
