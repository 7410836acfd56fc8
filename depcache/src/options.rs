//! What decides a resolution beside requirements, base and indexes.

use std::collections::{BTreeMap, BTreeSet};

use depcache_resolve::requirements::{Entry, Names};
use depcache_resolve::{BasePolicy, Expanded, Input, Prerelease, VersionOrder};
use domain::{BaseRecord, Digest};
use pep440_rs::Version;
use uv_normalize::PackageName;

use crate::source::BuildRules;

/// Rules of one resolution. Defaults change no identity: only what differs from them is part of a request.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--base-policy`.
    pub base_policy: BasePolicy,
    /// `--protect`.
    pub protect: BTreeSet<PackageName>,
    /// `--unprotect`.
    pub unprotect: BTreeSet<PackageName>,
    /// `--prerelease`.
    pub prerelease: Prerelease,
    /// `--resolution`.
    pub order: VersionOrder,
    /// `--exclude`.
    pub exclude: BTreeSet<PackageName>,
    /// `--exclude-newer`.
    pub exclude_newer: Option<jiff::Timestamp>,
    /// `--exclude-newer-package`; `None`: no cut-off for this package.
    pub exclude_newer_package: BTreeMap<PackageName, Option<jiff::Timestamp>>,
    /// Pins of an earlier lock, preferred while they fit.
    pub preferences: BTreeMap<PackageName, Version>,
    /// `--no-binary` of the command line.
    pub no_binary: Names,
    /// What may be built from source, and how.
    pub builds: BuildRules,
}

impl Options {
    /// The resolver's input under these rules.
    pub fn input(&self, expanded: &Expanded, base: &BaseRecord) -> Input {
        let moment = |(name, moment): (&PackageName, &Option<jiff::Timestamp>)| {
            (name.clone(), moment.map(jiff::Timestamp::as_millisecond))
        };
        let mut expanded = expanded.clone();
        expanded.options.no_binary = expanded.options.no_binary.and(&self.no_binary);
        Input {
            base_policy: self.base_policy,
            protect: self.protect.clone(),
            unprotect: self.unprotect.clone(),
            prerelease: self.prerelease,
            order: self.order,
            exclude: self.exclude.clone(),
            exclude_newer_ms: self.exclude_newer.map(jiff::Timestamp::as_millisecond),
            exclude_newer_package_ms: self.exclude_newer_package.iter().map(moment).collect(),
            preferences: self.preferences.clone(),
            no_build: self.builds.no_build.clone(),
            ..Input::new(expanded, base.clone())
        }
    }

    /// What must stay the base's: what a ready worker has loaded and `--protect`, without `--unprotect`.
    pub(crate) fn protected(&self, base: &BaseRecord) -> Vec<String> {
        let mut protected: BTreeSet<String> = base.loaded.iter().cloned().collect();
        protected.extend(self.protect.iter().map(ToString::to_string));
        for name in &self.unprotect {
            protected.remove(name.as_str());
        }
        protected.into_iter().collect()
    }

    /// The base policy with every other rule that differs from its default: `prefer; prerelease=allow`.
    pub(crate) fn policy(&self, expanded: &Expanded) -> String {
        let mut policy = match self.base_policy {
            BasePolicy::Prefer => "prefer".to_owned(),
            BasePolicy::Strict => "strict".to_owned(),
        };
        let mut rule = |name: &str, value: &str| {
            if !value.is_empty() {
                policy.extend(["; ", name, "=", value]);
            }
        };
        let prerelease = if expanded.options.pre { Prerelease::Allow } else { self.prerelease };
        rule(
            "prerelease",
            match prerelease {
                Prerelease::IfNecessary => "",
                Prerelease::Disallow => "disallow",
                Prerelease::Allow => "allow",
                Prerelease::Explicit => "explicit",
            },
        );
        rule(
            "resolution",
            match self.order {
                VersionOrder::Highest => "",
                VersionOrder::Lowest => "lowest",
                VersionOrder::LowestDirect => "lowest-direct",
            },
        );
        rule("unprotect", &joined(self.unprotect.iter()));
        rule("exclude", &joined(self.exclude.iter()));
        let moments = self.exclude_newer_package.iter().map(|(name, moment)| match moment {
            Some(moment) => format!("{name}@{moment}"),
            None => format!("{name}@never"),
        });
        rule("exclude-newer-package", &joined(moments));
        rule("overrides", &digest(&expanded.overrides));
        rule("prefer", &digest(&expanded.recommended));
        let options = &expanded.options;
        for (name, names) in [
            ("no-binary", options.no_binary.and(&self.no_binary)),
            ("no-build", options.only_binary.and(&self.builds.no_build)),
            ("all-releases", options.all_releases.clone()),
            ("only-final", options.only_final.clone()),
        ] {
            if names != Names::None {
                rule(name, &names.to_string());
            }
        }
        let pins = self.preferences.iter().map(|(name, version)| format!("{name}=={version}"));
        let pins = joined(pins);
        rule("preferred", &if pins.is_empty() { pins } else { Digest::of(pins.as_bytes()).to_string() });
        policy
    }
}

fn joined(items: impl Iterator<Item = impl ToString>) -> String {
    items.map(|item| item.to_string()).collect::<Vec<_>>().join(",")
}

/// Digest of the lines, in any order; empty: there are none.
fn digest(entries: &[Entry]) -> String {
    let lines: BTreeSet<String> = entries.iter().map(|entry| entry.requirement.to_string()).collect();
    if lines.is_empty() {
        return String::new();
    }
    let text: Vec<String> = lines.into_iter().collect();
    Digest::of(text.join("\n").as_bytes()).to_string()
}
