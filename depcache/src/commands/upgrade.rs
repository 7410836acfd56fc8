//! `--upgrade` and `--upgrade-package`: what of an earlier lock is given up.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::Args;
use depcache::lock::Lock;
use depcache_resolve::Expanded;
use depcache_resolve::requirements::{Entry, Origin};
use pep440_rs::Version;
use uv_normalize::PackageName;

/// What of an earlier lock is given up.
#[derive(Debug, Default, Args)]
pub(crate) struct Upgrade {
    /// Ignore the versions of the earlier lock.
    #[arg(long)]
    upgrade: bool,
    /// Ignore the earlier lock's version of this package, or take this one.
    #[arg(long, value_name = "NAME[==VERSION]")]
    upgrade_package: Vec<Wanted>,
}

/// `NAME` or `NAME==VERSION`.
#[derive(Debug, Clone)]
struct Wanted {
    name: PackageName,
    version: Option<Version>,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, version) = match text.split_once("==") {
            Some((name, version)) => (name, Some(version)),
            None => (text, None),
        };
        let expected = || "expected NAME or NAME==VERSION".to_owned();
        Ok(Self {
            name: name.trim().parse().map_err(|_| expected())?,
            version: version.map(str::parse).transpose().map_err(|_| expected())?,
        })
    }
}

impl Upgrade {
    /// Whether nothing of the earlier lock is kept.
    pub(super) fn is_all(&self) -> bool {
        self.upgrade
    }

    /// Whether anything of the earlier lock is given up.
    pub(super) fn is_any(&self) -> bool {
        self.upgrade || !self.upgrade_package.is_empty()
    }

    /// The versions to keep while they fit.
    pub(super) fn preferences(&self, earlier: Option<&Lock>) -> BTreeMap<PackageName, Version> {
        let mut pins = match earlier {
            Some(lock) if !self.upgrade => lock.pins(),
            _ => BTreeMap::new(),
        };
        for wanted in &self.upgrade_package {
            pins.remove(&wanted.name);
        }
        pins
    }

    /// The requirements, restricted to the versions that were named.
    pub(super) fn constrained(&self, expanded: &Expanded) -> Expanded {
        let mut expanded = expanded.clone();
        for Wanted { name, version } in &self.upgrade_package {
            let Some(version) = version else { continue };
            let text = format!("{name}=={version}");
            // Name and version were parsed, so the requirement parses.
            let Ok(requirement) = text.parse() else { continue };
            let file = "--upgrade-package".to_owned();
            let origin = Origin { file, line: 1, last_line: 1, text };
            expanded.constraints.push(Entry { requirement, direct: None, hashes: Vec::new(), origin });
        }
        expanded
    }
}
