//! The search itself: PubGrub's loop over [`Provider`].
//!
//! Written out because it knows which versions exist: what is learned about one version is stated for the whole gap up
//! to its neighbours. Else a thousand rejected versions of one package leave a thousand holes in every range derived
//! from them.

use std::collections::{BTreeSet, HashMap, HashSet};

use pep440_rs::Version;
use pubgrub::{Dependencies, DependencyProvider, Id, PubGrubError, Ranges, State};

use crate::graph::Package;
use crate::provider::{Provider, root_version};

type Error<'a> = PubGrubError<Provider<'a>>;

/// Versions of all packages that the root needs.
#[expect(clippy::result_large_err, reason = "the type is pubgrub's, and there is one a resolution")]
pub(crate) fn search<'a>(provider: &Provider<'a>) -> Result<Vec<(Package, Version)>, Error<'a>> {
    let mut state: State<Provider<'a>> = State::init(Package::Root, root_version());
    let mut conflicts: HashMap<Id<Package>, u32> = HashMap::new();
    let mut known: HashMap<Id<Package>, BTreeSet<Version>> = HashMap::new();
    let mut next = state.root_package;
    loop {
        provider.should_cancel().map_err(PubGrubError::ErrorInShouldCancel)?;
        let causes: Vec<_> = state.unit_propagation(next)?.into_iter().collect();
        for (affected, conflict) in causes {
            for package in state.conflict_packages(&conflict).chain([affected]).collect::<HashSet<_>>() {
                *conflicts.entry(package).or_default() += 1;
            }
        }
        let picked = state.partial_solution.pick_highest_priority_pkg(|package, range| {
            let count = conflicts.get(&package).copied().unwrap_or_default();
            provider.priority(&state.package_store[package], range, count)
        });
        let Some((package, range)) = picked else {
            let chosen = state.partial_solution.extract_solution();
            return Ok(chosen
                .map(|(package, version)| (state.package_store[package].clone(), version))
                .collect());
        };
        next = package;
        let named = state.package_store[package].clone();
        let chosen = provider
            .choose_version(&named, range)
            .map_err(|source| PubGrubError::ErrorChoosingVersion { package: named.clone(), source })?;
        let Some(version) = chosen else {
            let range = range.clone();
            state.add_no_versions(package, range);
            continue;
        };
        if !known.entry(package).or_default().insert(version.clone()) {
            state.partial_solution.add_decision(package, version);
            continue;
        }
        let asked = provider.get_dependencies(&named, &version).map_err(|source| {
            let (package, version) = (named.clone(), version.clone());
            PubGrubError::ErrorRetrievingDependencies { package, version, source }
        })?;
        let needed = match asked {
            Dependencies::Unavailable(reason) => {
                state.add_unavailable(package, Ranges::singleton(version), reason);
                continue;
            }
            Dependencies::Available(needed) => needed,
        };
        let shared = provider.widened(&named, &version);
        if let Some(conflict) = state.add_package_version_dependencies(package, version, shared, needed) {
            for other in state.conflict_packages(&conflict).chain([package]).collect::<HashSet<_>>() {
                *conflicts.entry(other).or_default() += 1;
            }
        }
    }
}
