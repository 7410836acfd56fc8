//! The `[build-system]` table (PEP 517, 518).

use std::path::Path;

use depcache_resolve::facts::Requirement;
use serde::Deserialize;

use super::{SourceError, bounded_text};

/// What PEP 518 tells to assume where there is no `[build-system]`; the bound is where `__legacy__` came.
const LEGACY_REQUIRES: &str = "setuptools>=40.8.0";
/// setuptools as `setup.py` was used to it, with the tree's own directory on the path.
const LEGACY_BACKEND: &str = "setuptools.build_meta:__legacy__";

/// How a tree is built.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BuildSystem {
    pub(super) requires: Vec<Requirement>,
    pub(super) backend: String,
    /// Directories of an in-tree backend, relative to the tree.
    pub(super) backend_path: Vec<String>,
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "build-system")]
    build_system: Option<Table>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Table {
    requires: Option<Vec<String>>,
    build_backend: Option<String>,
    #[serde(default)]
    backend_path: Vec<String>,
}

/// Reads the table of the tree at `root`.
pub(super) fn read(label: &str, root: &Path) -> Result<BuildSystem, SourceError> {
    let disk = |source| SourceError::Disk { path: root.to_owned(), source };
    let text = bounded_text(&root.join("pyproject.toml")).map_err(disk)?;
    if text.is_none() && !root.join("setup.py").is_file() {
        return Err(SourceError::NoProject { label: label.into() });
    }
    let table = match text {
        None => None,
        Some(text) => {
            let read = toml::from_str::<Document>(&text);
            read.map_err(|source| SourceError::Pyproject { label: label.into(), source: Box::new(source) })?
                .build_system
        }
    };
    let broken = |what: String| SourceError::BuildSystem { label: label.into(), what };
    let Some(table) = table else { return legacy(&broken) };
    let Some(requires) = table.requires else {
        return Err(broken("it has no `requires`".into()));
    };
    for path in &table.backend_path {
        let climbs = path.starts_with('/') || path.split('/').any(|part| part == "..");
        if climbs {
            return Err(broken(format!("its backend-path `{path}` leads outside the tree")));
        }
    }
    let mut parsed = Vec::with_capacity(requires.len());
    for text in &requires {
        parsed.push(text.parse().map_err(|error| broken(format!("`{text}` is no requirement ({error})")))?);
    }
    Ok(BuildSystem {
        requires: parsed,
        backend: table.build_backend.unwrap_or_else(|| LEGACY_BACKEND.into()),
        backend_path: table.backend_path,
    })
}

fn legacy(broken: &dyn Fn(String) -> SourceError) -> Result<BuildSystem, SourceError> {
    let setuptools = LEGACY_REQUIRES.parse().map_err(|_| broken(LEGACY_REQUIRES.into()))?;
    Ok(BuildSystem { requires: vec![setuptools], backend: LEGACY_BACKEND.into(), backend_path: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: Option<&str>, setup_py: bool) -> Result<BuildSystem, String> {
        let dir = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            std::fs::write(dir.path().join("pyproject.toml"), text).unwrap();
        }
        if setup_py {
            std::fs::write(dir.path().join("setup.py"), "").unwrap();
        }
        read("a-1.tar.gz", dir.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn trees_without_a_table_are_built_by_setuptools() {
        for (text, setup_py) in [(None, true), (Some("[tool.x]"), false), (Some("[project]\nname='a'"), true)]
        {
            let system = read_text(text, setup_py).unwrap();
            assert_eq!(system.backend, LEGACY_BACKEND);
            assert_eq!(system.requires[0].to_string(), "setuptools>=40.8.0");
        }
        // PEP 517: a table without a backend means the same backend with its own requirements.
        let system = read_text(Some("[build-system]\nrequires = ['setuptools<70', 'wheel']"), false).unwrap();
        assert_eq!((system.backend.as_str(), system.requires.len()), (LEGACY_BACKEND, 2));
    }

    #[test]
    fn what_cannot_be_a_build_is_refused_by_name() {
        let refused = [
            (None, "a-1.tar.gz is no Python project: it has neither pyproject.toml nor setup.py"),
            (Some("[build-system]"), "the [build-system] of a-1.tar.gz cannot be used: it has no `requires`"),
            (
                Some("[build-system]\nrequires=[]\nbackend-path=['../x']"),
                "the [build-system] of a-1.tar.gz cannot be used: its backend-path `../x` leads outside the tree",
            ),
        ];
        for (text, message) in refused {
            assert_eq!(read_text(text, false).unwrap_err(), message);
        }
        assert_eq!(read_text(Some("x"), false).unwrap_err(), "pyproject.toml of a-1.tar.gz cannot be read");
    }
}
