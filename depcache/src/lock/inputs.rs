//! What a lock was made from: written into it, so that anybody can see without a network whether it is still what
//! the requirements say.

use depcache_resolve::requirements::Options;
use domain::canonical::CanonicalError;
use domain::{Digest, Request};
use serde::Deserialize;

/// The inputs of a lock beside its base. Addresses of configured indexes are no part of it: a mirror gives the same
/// files, and the lock names their hashes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LockInputs {
    /// Requirement lines in normal form, sorted.
    pub requirements: Vec<String>,
    /// Digest of all constraint lines; absent: there were none.
    pub constraints_sha256: Option<Digest>,
    /// Rules of the resolution (`prefer; prerelease=allow`).
    pub rules: String,
    /// `--protect`, sorted.
    #[serde(default)]
    pub protect: Vec<String>,
    /// `--exclude-newer`.
    pub exclude_newer: Option<String>,
    /// Digest of the index options that stand in the files; absent: there were none.
    pub indexes_sha256: Option<Digest>,
}

impl LockInputs {
    /// The inputs behind a request.
    pub fn new(request: &Request, options: &Options, protect: &[String]) -> Result<Self, CanonicalError> {
        let constraints = &request.constraints;
        let has_indexes = options.index_url.is_some()
            || options.no_index
            || !(options.extra_index_urls.is_empty() && options.find_links.is_empty());
        let bare = |urls: &[String]| -> Vec<String> {
            urls.iter().map(|url| depcache_resolve::reference::without_credentials(url)).collect()
        };
        let indexes = serde_json::json!({
            "index": options.index_url.as_deref().map(depcache_resolve::reference::without_credentials),
            "extra": bare(&options.extra_index_urls),
            "find_links": bare(&options.find_links),
            "no_index": options.no_index,
        });
        Ok(Self {
            requirements: request.requirements.clone(),
            constraints_sha256: (!constraints.is_empty())
                .then(|| Digest::of_canonical(constraints))
                .transpose()?,
            rules: request.base_policy.clone(),
            protect: protect.to_vec(),
            exclude_newer: request.exclude_newer.clone(),
            indexes_sha256: has_indexes.then(|| Digest::of_canonical(&indexes)).transpose()?,
        })
    }

    /// What changed since `old`, one sentence each, without a full stop; empty: nothing.
    pub fn changes_since(&self, old: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        let gone: Vec<_> = old.requirements.iter().filter(|line| !self.requirements.contains(line)).collect();
        let new: Vec<_> = self.requirements.iter().filter(|line| !old.requirements.contains(line)).collect();
        let same_package = |line: &str, other: &str| package(line) == package(other);
        for line in &new {
            match gone.iter().find(|other| same_package(other, line)) {
                Some(before) => {
                    changes.push(format!("`{line}` is required, the lock was made with `{before}`"));
                }
                None => changes.push(format!("`{line}` is required, and was not when the lock was made")),
            }
        }
        for line in gone.iter().filter(|line| !new.iter().any(|other| same_package(other, line))) {
            changes.push(format!("`{line}` is no longer required"));
        }
        if self.constraints_sha256 != old.constraints_sha256 {
            changes.push("the constraints changed".into());
        }
        if self.rules != old.rules {
            changes.push(format!("the rules are `{}`, the lock was made with `{}`", self.rules, old.rules));
        }
        if self.protect != old.protect {
            let (now, then) = (self.protect.join(" "), old.protect.join(" "));
            changes.push(format!("--protect names `{now}`, the lock was made with `{then}`"));
        }
        if self.exclude_newer != old.exclude_newer {
            let moment = |moment: &Option<String>| moment.clone().unwrap_or_else(|| "none".into());
            changes.push(format!(
                "the cut-off date is {}, the lock was made with {}",
                moment(&self.exclude_newer),
                moment(&old.exclude_newer)
            ));
        }
        if self.indexes_sha256 != old.indexes_sha256 {
            changes.push("the index options in the requirements files changed".into());
        }
        changes
    }
}

/// The package that a normal line names: what stands before extras, versions, address and marker.
fn package(line: &str) -> &str {
    let end = line.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    &line[..end.unwrap_or(line.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(requirements: &[&str]) -> LockInputs {
        LockInputs {
            requirements: requirements.iter().map(ToString::to_string).collect(),
            constraints_sha256: None,
            rules: "prefer".into(),
            protect: vec![],
            exclude_newer: None,
            indexes_sha256: None,
        }
    }

    #[test]
    fn changes_are_told_by_package() {
        let old = inputs(&["numpy>=1", "pandas[excel]>=1.5", "six"]);
        let now = LockInputs {
            constraints_sha256: Some(Digest::of(b"x")),
            rules: "strict".into(),
            protect: vec!["attrs".into()],
            exclude_newer: Some("2026-01-01T00:00:00Z".into()),
            indexes_sha256: Some(Digest::of(b"x")),
            ..inputs(&["numpy>=1", "pandas>=2", "polars"])
        };
        assert_eq!(old.changes_since(&old), Vec::<String>::new());
        insta::assert_snapshot!(now.changes_since(&old).join("\n"), @r"
        `pandas>=2` is required, the lock was made with `pandas[excel]>=1.5`
        `polars` is required, and was not when the lock was made
        `six` is no longer required
        the constraints changed
        the rules are `strict`, the lock was made with `prefer`
        --protect names `attrs`, the lock was made with ``
        the cut-off date is 2026-01-01T00:00:00Z, the lock was made with none
        the index options in the requirements files changed
        ");
    }
}
