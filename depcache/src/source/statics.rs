//! Metadata that stands in the sources, so that nothing has to be run for it.

use std::path::Path;

use depcache_resolve::Metadata;
use pep440_rs::Version;
use uv_normalize::PackageName;
use uv_pypi_types::{PyProjectToml, ResolutionMetadata};

use super::bounded_text;

/// Name, version and metadata of a tree.
#[derive(Debug, Clone)]
pub(super) struct Told {
    pub(super) name: PackageName,
    pub(super) version: Version,
    pub(super) metadata: Metadata,
}

impl From<ResolutionMetadata> for Told {
    fn from(read: ResolutionMetadata) -> Self {
        Self {
            name: read.name,
            version: read.version,
            metadata: Metadata {
                requires: read.requires_dist.into_vec(),
                requires_python: read.requires_python,
                extras: read.provides_extra.into_vec(),
            },
        }
    }
}

/// What `pyproject.toml` (PEP 621, nothing that decides in `dynamic`) or `PKG-INFO` (PEP 643, 2.2 or newer, likewise)
/// promise. `version` is what a source distribution's file name says; it may stand for a dynamic version.
///
/// Absent: only a build can tell. A file that cannot be read is left to the build, too: its backend knows better what is
/// wrong.
pub(super) fn read(root: &Path, version: Option<&Version>) -> Option<Told> {
    from_pyproject(root, version).or_else(|| from_pkg_info(root, version)).map(Into::into)
}

fn from_pyproject(root: &Path, version: Option<&Version>) -> Option<ResolutionMetadata> {
    let text = bounded_text(&root.join("pyproject.toml")).ok()??;
    let document = PyProjectToml::from_toml(&text, "pyproject.toml").ok()?;
    ResolutionMetadata::parse_pyproject_toml(document, version).ok()
}

fn from_pkg_info(root: &Path, version: Option<&Version>) -> Option<ResolutionMetadata> {
    let text = bounded_text(&root.join("PKG-INFO")).ok()??;
    let read = ResolutionMetadata::parse_pkg_info(text.as_bytes()).ok()?;
    // The version of a checkout is what the tools of its build make of it.
    (!read.dynamic || version.is_some()).then_some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(file: &str, text: &str, version: Option<&str>) -> Option<(String, Vec<String>)> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(file), text).unwrap();
        let version = version.map(|text| text.parse().unwrap());
        let told = read(dir.path(), version.as_ref())?;
        let requires = told.metadata.requires.iter().map(ToString::to_string).collect();
        Some((format!("{} {}", told.name, told.version), requires))
    }

    #[test]
    fn pyproject_tells_when_nothing_is_dynamic() {
        let text = "[project]\nname = 'A.b'\nversion = '1'\ndependencies = ['c>1']\n\
                    [project.optional-dependencies]\nx = ['d']\n";
        let (release, requires) = told("pyproject.toml", text, None).unwrap();
        assert_eq!((release.as_str(), requires), ("a-b 1", vec!["c>1".into(), "d ; extra == 'x'".into()]));
    }

    #[test]
    fn a_dynamic_version_is_known_only_from_a_file_name() {
        let text = "[project]\nname = 'a'\ndynamic = ['version']\n";
        assert_eq!(told("pyproject.toml", text, Some("3")).unwrap().0, "a 3");
        assert_eq!(told("pyproject.toml", text, None), None);
    }

    #[test]
    fn what_decides_and_is_dynamic_is_left_to_the_build() {
        for field in ["dependencies", "optional-dependencies", "requires-python"] {
            let text = format!("[project]\nname = 'a'\nversion = '1'\ndynamic = ['{field}']\n");
            assert_eq!(told("pyproject.toml", &text, Some("1")), None, "{field}");
        }
        let poetry = "[project]\nname = 'a'\nversion = '1'\n[tool.poetry.dependencies]\nb = '*'\n";
        assert_eq!(told("pyproject.toml", poetry, Some("1")), None);
        assert_eq!(told("pyproject.toml", "no toml", Some("1")), None);
    }

    #[test]
    fn pkg_info_tells_from_2_2_on() {
        let text = |version: &str, more: &str| {
            format!("Metadata-Version: {version}\nName: a\nVersion: 1\n{more}Requires-Dist: b\n\nWords\n")
        };
        assert_eq!(told("PKG-INFO", &text("2.2", ""), Some("1")).unwrap().1, ["b"]);
        assert_eq!(told("PKG-INFO", &text("2.1", ""), Some("1")), None);
        assert_eq!(told("PKG-INFO", &text("2.4", "Dynamic: Requires-Dist\n"), Some("1")), None);
        assert!(told("PKG-INFO", &text("2.4", "Dynamic: Description\n"), Some("1")).is_some());
    }
}
