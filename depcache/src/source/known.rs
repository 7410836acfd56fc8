//! Metadata of a tree, and its identity.

use std::collections::BTreeSet;
use std::sync::Arc;

use depcache_resolve::Metadata;
use depcache_resolve::facts::Requirement;
use domain::Digest;
use pep440_rs::Version;
use serde::{Deserialize, Serialize};
use uv_normalize::{ExtraName, PackageName};

/// How metadata was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It stands in the sources.
    Static,
    /// The backend was asked, or a wheel was built.
    Built,
}

/// What is known about a tree.
#[derive(Debug, Clone)]
pub struct Known {
    /// Normalised name.
    pub name: PackageName,
    /// Version.
    pub version: Version,
    /// What decides in a resolution.
    pub metadata: Arc<Metadata>,
    /// How it was found.
    pub origin: Origin,
}

impl Known {
    /// Identity of name, version and metadata, however they were written.
    pub fn digest(&self) -> Digest {
        metadata_digest(&self.name, &self.version, &self.metadata)
    }
}

/// Identity of what decides in a resolution: order, spelling and repetition do not matter.
///
/// This, not the digest of a file, is what a lock keeps for sources: their METADATA is written anew by each build.
pub fn metadata_digest(name: &PackageName, version: &Version, metadata: &Metadata) -> Digest {
    let facts = Facts::of(name, version, metadata, Origin::Static);
    let content = serde_json::json!({
        "name": facts.name, "version": facts.version, "requires": facts.requires,
        "requires_python": facts.requires_python, "extras": facts.extras,
    });
    // Only floats and text keys that are not text have no canonical form.
    Digest::of_canonical(&content).unwrap_or_else(|_| Digest::of(content.to_string().as_bytes()))
}

/// [`Known`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Facts {
    name: String,
    version: String,
    pub(super) requires: BTreeSet<String>,
    pub(super) requires_python: BTreeSet<String>,
    pub(super) extras: BTreeSet<String>,
    origin: Origin,
}

impl Facts {
    pub(super) fn of(name: &PackageName, version: &Version, metadata: &Metadata, origin: Origin) -> Self {
        let python = metadata.requires_python.iter().flat_map(|specifiers| specifiers.iter());
        Self {
            name: name.to_string(),
            version: version.to_string(),
            requires: metadata.requires.iter().map(ToString::to_string).collect(),
            requires_python: python.map(ToString::to_string).collect(),
            extras: metadata.extras.iter().map(ToString::to_string).collect(),
            origin,
        }
    }

    /// Absent when anything in it cannot be read: then it counts as not remembered.
    pub(super) fn known(&self) -> Option<Known> {
        let requires: Option<Vec<Requirement>> = self.requires.iter().map(|text| text.parse().ok()).collect();
        let extras: Option<Vec<ExtraName>> = self.extras.iter().map(|text| text.parse().ok()).collect();
        let python: Vec<&str> = self.requires_python.iter().map(String::as_str).collect();
        let requires_python = match python.join(",") {
            none if none.is_empty() => None,
            text => Some(text.parse().ok()?),
        };
        Some(Known {
            name: self.name.parse().ok()?,
            version: self.version.parse().ok()?,
            metadata: Arc::new(Metadata { requires: requires?, requires_python, extras: extras? }),
            origin: self.origin,
        })
    }
}

impl From<&Known> for Facts {
    fn from(known: &Known) -> Self {
        Self::of(&known.name, &known.version, &known.metadata, known.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(requires: &[&str], python: &str) -> Known {
        let metadata = Metadata {
            requires: requires.iter().map(|text| text.parse().unwrap()).collect(),
            requires_python: Some(python.parse().unwrap()),
            extras: vec!["x".parse().unwrap()],
        };
        Known {
            name: "a".parse().unwrap(),
            version: "1.0".parse().unwrap(),
            metadata: Arc::new(metadata),
            origin: Origin::Built,
        }
    }

    #[test]
    fn spelling_is_no_part_of_the_identity() {
        let one = known(&["B.c >=1,<2", "d ; python_version<'3.9' and extra=='x'"], ">=3.8,<4");
        let other = known(&["d; extra == \"x\" and python_version < \"3.9\"", "b-c<2,>=1"], "<4, >=3.8");
        assert_eq!(one.digest(), other.digest());
        assert_ne!(one.digest(), known(&["b-c>=1,<2"], ">=3.8,<4").digest());
    }

    #[test]
    fn it_reads_back() {
        let one = known(&["b-c[x]>=1 ; sys_platform == 'linux'"], ">=3.8,<4");
        let text = serde_json::to_string(&Facts::from(&one)).unwrap();
        let back = serde_json::from_str::<Facts>(&text).unwrap().known().unwrap();
        assert_eq!((back.digest(), back.origin), (one.digest(), Origin::Built));
    }
}
