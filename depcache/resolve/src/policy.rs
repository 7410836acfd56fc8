//! The user's rules in the form in which they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use pep440_rs::{Operator, Version};
use pep508_rs::VersionOrUrl;
use pubgrub::Ranges;
use uv_normalize::PackageName;

use crate::facts::Requirement;
use crate::hash::FileHash;
use crate::input::{Input, Prerelease, VersionOrder};
use crate::requirements::names::prevails;
use crate::requirements::{Entry, Names};
use crate::target::Target;

/// Rules that decide about files and versions.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) prerelease: Prerelease,
    /// Names that a line of the user names with a pre-release version.
    prerelease_named: BTreeSet<PackageName>,
    exclude_newer_ms: Option<i64>,
    exclude_newer_package_ms: BTreeMap<PackageName, Option<i64>>,
    order: VersionOrder,
    /// Names on the user's requirement lines.
    direct: BTreeSet<PackageName>,
    pub(crate) require_hashes: bool,
    hashes: BTreeMap<PackageName, Vec<FileHash>>,
    exact: BTreeMap<PackageName, Vec<Version>>,
    pub(crate) no_binary: Names,
    all_releases: Names,
    only_final: Names,
    /// Packages that may not be built from source.
    pub(crate) no_build: Names,
}

impl Policy {
    pub(crate) fn new(input: &Input, target: &Target) -> Self {
        let expanded = &input.expanded;
        let mut policy = Self {
            prerelease: if expanded.options.pre { Prerelease::Allow } else { input.prerelease },
            prerelease_named: BTreeSet::new(),
            exclude_newer_ms: input.exclude_newer_ms,
            exclude_newer_package_ms: input.exclude_newer_package_ms.clone(),
            order: input.order,
            direct: BTreeSet::new(),
            require_hashes: expanded.options.require_hashes,
            hashes: BTreeMap::new(),
            exact: BTreeMap::new(),
            no_binary: expanded.options.no_binary.clone(),
            all_releases: expanded.options.all_releases.clone(),
            only_final: expanded.options.only_final.clone(),
            no_build: expanded.options.only_binary.and(&input.no_build),
        };
        let applies = |entry: &&Entry| target.applies(&entry.requirement, &[]);
        for entry in expanded.requirements.iter().filter(applies) {
            policy.direct.insert(entry.requirement.name.clone());
        }
        let restricting =
            expanded.requirements.iter().chain(&expanded.constraints).chain(&expanded.overrides);
        for entry in restricting.filter(applies) {
            policy.learn(entry);
        }
        // What an earlier lock holds may stay although it was withdrawn since.
        for (name, version) in &input.preferences {
            policy.exact.entry(name.clone()).or_default().push(version.clone());
        }
        policy
    }

    fn learn(&mut self, entry: &Entry) {
        let name = &entry.requirement.name;
        self.hashes.entry(name.clone()).or_default().extend(entry.allowed_hashes().cloned());
        let Some(VersionOrUrl::VersionSpecifier(specifiers)) = &entry.requirement.version_or_url else {
            return;
        };
        for specifier in specifiers.iter() {
            if specifier.any_prerelease() {
                self.prerelease_named.insert(name.clone());
            }
            if matches!(specifier.operator(), Operator::Equal | Operator::ExactEqual) {
                self.exact.entry(name.clone()).or_default().push(specifier.version().clone());
            }
        }
    }

    /// Only files of this package uploaded before this moment.
    pub(crate) fn exclude_newer_ms(&self, name: &PackageName) -> Option<i64> {
        self.exclude_newer_package_ms.get(name).copied().unwrap_or(self.exclude_newer_ms)
    }

    /// Whether low versions of this package are tried before high ones.
    pub(crate) fn is_lowest_first(&self, name: &PackageName) -> bool {
        match self.order {
            VersionOrder::Highest => false,
            VersionOrder::Lowest => true,
            VersionOrder::LowestDirect => self.direct.contains(name),
        }
    }

    /// Hashes that the user allows; empty: any.
    pub(crate) fn hashes(&self, name: &PackageName) -> &[FileHash] {
        self.hashes.get(name).map_or(&[], Vec::as_slice)
    }

    /// Whether a withdrawn version may be used: a line of the user pins it exactly.
    pub(crate) fn admits_yanked(&self, name: &PackageName, version: &Version) -> bool {
        self.exact.get(name).is_some_and(|pins| {
            pins.iter().any(|pin| pin == version || *pin == version.clone().without_local())
        })
    }

    /// Whether pre-releases may be used, and whether stable versions go first.
    pub(crate) fn prereleases(&self, name: &PackageName) -> Prereleases {
        if prevails(&self.only_final, &self.all_releases, name) {
            return Prereleases::Never;
        }
        if prevails(&self.all_releases, &self.only_final, name) {
            return Prereleases::Equal;
        }
        match self.prerelease {
            Prerelease::Allow => Prereleases::Equal,
            Prerelease::IfNecessary => Prereleases::Last,
            Prerelease::Explicit if self.prerelease_named.contains(name) => Prereleases::Equal,
            Prerelease::Explicit | Prerelease::Disallow => Prereleases::Never,
        }
    }
}

/// [`Prerelease`] for one package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Prereleases {
    Never,
    Last,
    Equal,
}

/// The versions that a requirement admits. Direct addresses have none; callers refuse them first.
pub(crate) fn range(requirement: &Requirement) -> Ranges<Version> {
    match &requirement.version_or_url {
        Some(VersionOrUrl::VersionSpecifier(specifiers)) => Ranges::from(specifiers.clone()),
        Some(VersionOrUrl::Url(_)) | None => Ranges::full(),
    }
}
