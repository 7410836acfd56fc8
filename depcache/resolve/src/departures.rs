//! Recommendations (`--prefer`): what they name, and why some were not followed.
//!
//! A recommendation never makes a resolution fail: it is tried first. What the search then chose says why it was
//! given up: the base has another version, the version cannot be used, or a requirement of something chosen
//! excludes it, or it would itself require what is not there.

use std::collections::BTreeMap;

use pep440_rs::Version;
use pubgrub::Ranges;
use uv_normalize::PackageName;

use crate::facts::FactsError;
use crate::graph::{Edge, Graph, Package, Why};
use crate::policy;
use crate::provider::Provider;
use crate::requirements::Entry;
use crate::resolution::{Departure, ResolveError};

/// Recommended ranges of the lines that apply, by name.
pub(crate) fn recommended(graph: &Graph<'_>) -> BTreeMap<PackageName, Ranges<Version>> {
    let mut all: BTreeMap<PackageName, Ranges<Version>> = BTreeMap::new();
    for entry in applying(graph) {
        let range = policy::range(&entry.requirement);
        let known = all.entry(entry.requirement.name.clone()).or_insert_with(Ranges::full);
        *known = known.intersection(&range);
    }
    all
}

fn applying<'g>(graph: &'g Graph<'_>) -> impl Iterator<Item = &'g Entry> {
    let target = graph.catalogue.target;
    graph.input.expanded.recommended.iter().filter(|entry| target.applies(&entry.requirement, &[]))
}

/// Recommendations that `chosen` does not follow. Packages that are not chosen at all need no word.
pub(crate) fn all(
    provider: &Provider<'_>,
    chosen: &BTreeMap<PackageName, Version>,
) -> Result<Vec<Departure>, ResolveError> {
    let mut departures = Vec::new();
    for entry in applying(&provider.graph) {
        let (name, range) = (&entry.requirement.name, policy::range(&entry.requirement));
        let Some(version) = chosen.get(name).filter(|version| !range.contains(*version)) else { continue };
        departures.push(Departure {
            package: name.clone(),
            recommended: entry.origin.text.clone(),
            origin: entry.origin.clone(),
            chosen: version.clone(),
            why: why(provider, chosen, name, &range)?,
        });
    }
    departures.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(departures)
}

fn why(
    provider: &Provider<'_>,
    chosen: &BTreeMap<PackageName, Version>,
    name: &PackageName,
    range: &Ranges<Version>,
) -> Result<String, ResolveError> {
    let graph = &provider.graph;
    if let Some((who, edge)) = excluding(provider, chosen, name, range)? {
        return Ok(said(graph, &who, &edge));
    }
    if chosen.get(name).is_some_and(|version| graph.is_base(name, version)) {
        return Ok("the base has it in this version".into());
    }
    let facts = |source: FactsError| ResolveError::Facts { package: name.clone(), source };
    let listing = graph.catalogue.listing(name).map_err(facts)?;
    let in_range = || listing.states().rev().filter(|(version, _)| range.contains(*version));
    let Some((_, state)) = in_range().next() else {
        return Ok("no index has the recommended version".into());
    };
    let Some((version, _)) = in_range().find(|(_, state)| state.is_ok()) else {
        return Ok(state.as_ref().err().map_or_else(String::new, ToString::to_string));
    };
    if graph.input.preferences.contains_key(name) {
        return Ok("the earlier lock has another version".into());
    }
    match &*provider.edges(&Package::Named(name.clone()), version)? {
        Err(reason) => Ok(reason.clone()),
        Ok(edges) => {
            for edge in edges {
                let Some(other) = edge.to.name() else { continue };
                let Some(found) = chosen.get(other) else { continue };
                if !edge.range.contains(found) {
                    let Why::Requires(text) = &edge.why else { continue };
                    let because = excluding(provider, chosen, other, &edge.range)?
                        .map(|(who, edge)| format!(", because {}", said(graph, &who, &edge)));
                    let because = because.unwrap_or_default();
                    return Ok(format!("it requires {text}, but {other} is {found}{because}"));
                }
            }
            Ok("the search gave it up together with other versions that exclude each other".into())
        }
    }
}

/// A requirement of something chosen that admits nothing of `range`, with who has it.
fn excluding(
    provider: &Provider<'_>,
    chosen: &BTreeMap<PackageName, Version>,
    name: &PackageName,
    range: &Ranges<Version>,
) -> Result<Option<(Package, Edge)>, ResolveError> {
    let graph = &provider.graph;
    let root = graph.root().into_iter().map(|edge| (Package::Root, edge));
    let mut edges: Vec<(Package, Edge)> = root.collect();
    for (other, version) in chosen {
        let package = Package::Named(other.clone());
        if let Ok(known) = &*provider.edges(&package, version)? {
            edges.extend(known.iter().map(|edge| (package.clone(), edge.clone())));
        }
    }
    let facts = |source: FactsError| ResolveError::Facts { package: name.clone(), source };
    let listing = if graph.base.get(name).is_some() {
        None
    } else {
        Some(graph.catalogue.listing(name).map_err(facts)?)
    };
    let excludes = |edge: &Edge| match &listing {
        // `>1.2` and `==1.2` are disjoint as ranges too; bounds between two releases show only in the versions.
        Some(listing) => {
            let mut wanted = listing.numbers().iter().filter(|version| range.contains(*version)).peekable();
            wanted.peek().is_some() && wanted.all(|version| !edge.range.contains(version))
        }
        None => edge.range.is_disjoint(range),
    };
    Ok(edges.into_iter().find(|(_, edge)| edge.to == Package::Named(name.clone()) && excludes(edge)))
}

/// `requirements.txt:3 asks for numpy>=2`, `pandas requires numpy>=2`.
fn said(graph: &Graph<'_>, who: &Package, edge: &Edge) -> String {
    let expanded = &graph.input.expanded;
    let place = |entry: &Entry| format!("{}:{}", entry.origin.file, entry.origin.line);
    match &edge.why {
        Why::Line(position) => {
            let entry = &expanded.requirements[*position];
            format!("{} asks for {}", place(entry), entry.origin.text)
        }
        Why::Constraint(position) => {
            let entry = &expanded.constraints[*position];
            format!("{} allows only {}", place(entry), entry.origin.text)
        }
        Why::Override(position) => {
            let entry = &expanded.overrides[*position];
            format!("{} sets {}", place(entry), entry.origin.text)
        }
        Why::Protected(_) => format!("the base has {} and it must stay", edge.to),
        Why::Requires(text) => {
            format!("{who} requires {}", text.split(';').next().unwrap_or_default().trim())
        }
        Why::Present | Why::SameVersion => format!("{who} goes with another version"),
    }
}
