//! Under which licences packages are, as their METADATA says it.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt};
use uv_normalize::PackageName;

use crate::index::{Index, IndexError};
use crate::lock::{Lock, LockedPackage, LockedSource};

/// METADATA files that are read at a time.
const AT_A_TIME: usize = 16;
/// Longest `License` field that is a name; some hold the whole text.
const LONGEST_NAME_BYTES: usize = 120;

/// A package's licence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Licence {
    /// An SPDX expression (`License-Expression`).
    Expression(String),
    /// Names as people write them (`License`, classifiers), not checked by anybody.
    Named(Vec<String>),
    /// METADATA says none, or there is no METADATA before the package is built.
    Unknown,
}

/// Licences of a lock's packages, by name.
#[derive(Debug, Clone, Default)]
pub struct Licences {
    /// By normalised name; what is absent was not looked for.
    pub by_name: BTreeMap<String, Licence>,
    /// Packages whose METADATA could not be had, and why, one sentence each.
    pub missed: Vec<String>,
}

impl Licence {
    /// From the header fields of METADATA.
    pub fn of_headers(headers: &[u8]) -> Self {
        let text = String::from_utf8_lossy(headers);
        let mut named = Vec::new();
        let mut classified = Vec::new();
        let mut lines = text.lines().peekable();
        while let Some(line) = lines.next() {
            let continues = lines.peek().is_some_and(|next| next.starts_with([' ', '\t']));
            let Some((field, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            match field.to_ascii_lowercase().as_str() {
                "license-expression" if !value.is_empty() => return Self::Expression(value.to_owned()),
                // A text of several lines is the licence itself, not its name.
                "license" if !continues && is_name(value) => named.push(value.to_owned()),
                "classifier" => classified.extend(classifier(value)),
                _ => {}
            }
        }
        match (named.is_empty(), classified.is_empty()) {
            (false, _) => Self::Named(named),
            (true, false) => Self::Named(classified),
            (true, true) => Self::Unknown,
        }
    }
}

fn is_name(value: &str) -> bool {
    !value.is_empty() && value.len() <= LONGEST_NAME_BYTES && !value.eq_ignore_ascii_case("unknown")
}

/// `License :: OSI Approved :: MIT License` → `MIT License`.
fn classifier(value: &str) -> Option<String> {
    let rest = value.strip_prefix("License ::")?;
    let last = rest.rsplit("::").next()?.trim();
    (!last.is_empty() && last != "OSI Approved").then(|| last.to_owned())
}

impl std::fmt::Display for Licence {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Expression(text) => f.write_str(text),
            Self::Named(names) => f.write_str(&names.join(", ")),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// Reads the licences of everything that `lock` installs.
pub async fn licences(lock: &Lock, index: &Index) -> Licences {
    let read = |package| async move { (package, read(package, index).await) };
    let all: Vec<(&LockedPackage, Result<Licence, IndexError>)> =
        stream::iter(&lock.packages).map(read).buffered(AT_A_TIME).collect().await;
    let mut licences = Licences::default();
    for (package, licence) in all {
        let licence = licence.unwrap_or_else(|error| {
            licences.missed.push(format!(
                "the METADATA of {} {} cannot be read: {error}",
                package.name, package.version
            ));
            Licence::Unknown
        });
        licences.by_name.insert(package.name.clone(), licence);
    }
    licences
}

async fn read(package: &LockedPackage, index: &Index) -> Result<Licence, IndexError> {
    let (LockedSource::Wheel(wheel), Ok(name)) = (&package.source, package.name.parse::<PackageName>())
    else {
        return Ok(Licence::Unknown);
    };
    if let Some(known) = index.known_metadata(&wheel.sha256) {
        return Ok(Licence::of_headers(&known.headers));
    }
    let offered = index.files(&name).await?.named(&name, &wheel.filename);
    let same = offered.into_iter().find(|file| file.sha256.is_none_or(|sha256| sha256 == wheel.sha256));
    let gone = || IndexError::NotFound { url: wheel.filename.clone() };
    let metadata = index.metadata(&same.ok_or_else(gone)?).await?;
    Ok(Licence::of_headers(&metadata.headers))
}

/// One line per package, sorted by licence.
pub fn listed(lock: &Lock, licences: &Licences) -> String {
    let mut lines: Vec<_> = lock
        .packages
        .iter()
        .map(|package| {
            let licence = licences.by_name.get(&package.name).unwrap_or(&Licence::Unknown);
            (licence.to_string(), format!("{} {}", package.name, package.version))
        })
        .collect();
    lines.sort();
    lines.into_iter().flat_map(|(licence, package)| [licence, "\t".into(), package, "\n".into()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_exact_field_counts() {
        let of = |text: &str| Licence::of_headers(text.as_bytes()).to_string();
        let old = "Name: a\nLicense: MIT\nClassifier: License :: OSI Approved :: MIT License\n";
        assert_eq!(of(&format!("{old}License-Expression: MIT OR Apache-2.0\n")), "MIT OR Apache-2.0");
        assert_eq!(of(old), "MIT");
        assert_eq!(
            of(
                "License: Copyright 2026\n        All rights\nClassifier: License :: OSI Approved :: BSD License\n"
            ),
            "BSD License"
        );
        assert_eq!(of("License: UNKNOWN\nClassifier: License :: OSI Approved\n"), "unknown");
        assert_eq!(of("Name: a\n"), "unknown");
    }
}
