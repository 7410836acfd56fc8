//! Everything that a resolution depends on, beside [`crate::Facts`].

use std::collections::{BTreeMap, BTreeSet};

use domain::BaseRecord;
use pep440_rs::Version;
use uv_normalize::PackageName;

use crate::requirements::{Expanded, Names};

/// How firmly the base is kept (`--base-policy`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BasePolicy {
    /// Base versions are tried first and given up when a requirement forces it.
    #[default]
    Prefer,
    /// Every distribution of the base is protected.
    Strict,
}

/// When pre-releases may be chosen (`--prerelease`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Prerelease {
    /// Never.
    Disallow,
    /// Like any other version.
    Allow,
    /// Only when no stable version is left.
    #[default]
    IfNecessary,
    /// Only of packages that a requirement line of the user names with a pre-release version.
    Explicit,
}

/// Which of the versions that fit is tried first (`--resolution`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum VersionOrder {
    /// The highest.
    #[default]
    Highest,
    /// The lowest: proves that lower bounds are true.
    Lowest,
    /// The lowest of packages that the user's lines name, the highest of all others.
    LowestDirect,
}

/// Input of [`crate::resolve`].
#[derive(Debug, Clone)]
pub struct Input {
    /// Requirements, constraints and options of the user's files.
    pub expanded: Expanded,
    /// The base: target (markers, tags) and installed distributions. `--base none`: no distributions.
    pub base: BaseRecord,
    /// How firmly the base is kept.
    pub base_policy: BasePolicy,
    /// More names that must stay the base's (`--protect`).
    pub protect: BTreeSet<PackageName>,
    /// Names that may be shadowed although Airflow has them loaded; the environment then has mode `process`.
    pub unprotect: BTreeSet<PackageName>,
    /// Pre-release rule. `--pre` in a file means [`Prerelease::Allow`].
    pub prerelease: Prerelease,
    /// Which version is tried first.
    pub order: VersionOrder,
    /// Names that are never installed; requirements of them do not count (`--exclude`).
    pub exclude: BTreeSet<PackageName>,
    /// Only files uploaded before this moment, milliseconds since the Unix epoch (`--exclude-newer`).
    pub exclude_newer_ms: Option<i64>,
    /// Packages that may not be built from source (`--no-build`, `--no-build-package`), beside those of `--only-binary`.
    pub no_build: Names,
    /// Another moment for single packages; `None`: no cut-off (`--exclude-newer-package`).
    pub exclude_newer_package_ms: BTreeMap<PackageName, Option<i64>>,
    /// Pins of an earlier lock: tried after the base's version, before newer ones.
    pub preferences: BTreeMap<PackageName, Version>,
}

impl Input {
    /// An input with defaults for all but requirements and base.
    pub fn new(expanded: Expanded, base: BaseRecord) -> Self {
        Self {
            expanded,
            base,
            base_policy: BasePolicy::default(),
            protect: BTreeSet::new(),
            unprotect: BTreeSet::new(),
            prerelease: Prerelease::default(),
            order: VersionOrder::default(),
            exclude: BTreeSet::new(),
            exclude_newer_ms: None,
            no_build: Names::None,
            exclude_newer_package_ms: BTreeMap::new(),
            preferences: BTreeMap::new(),
        }
    }
}
