//! Which package lies at a place that does not tell it: read from the project's own description.

use std::path::Path;

use depcache_resolve::requirements::NameError;
use depcache_resolve::{DirectReference, Place};
use serde::Deserialize;
use uv_normalize::PackageName;

use super::file::located;

#[derive(Deserialize)]
struct Document {
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    name: Option<String>,
}

/// The name of the package that a reference leads to. Blocking.
pub fn name(root: &Path, reference: &DirectReference) -> Result<PackageName, NameError> {
    match &reference.place {
        Place::Path { path, .. } => {
            let at = located(root, path).map_err(|error| unknown(error.to_string()))?;
            let project = reference.subdirectory.as_ref().map_or_else(|| at.clone(), |below| at.join(below));
            if at.is_dir() {
                of_project(&project)
            } else {
                Err(unknown("its file name does not tell it".into()))
            }
        }
        Place::Url(_) | Place::Git { .. } => Err(unknown("its address does not tell it".into())),
    }
}

/// The name that a project's directory states.
pub(super) fn of_project(dir: &Path) -> Result<PackageName, NameError> {
    let path = dir.join("pyproject.toml");
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return of_setup_cfg(dir);
        }
        Err(error) => return Err(unknown(format!("{} cannot be read: {error}", path.display()))),
    };
    let document: Document =
        toml::from_str(&text).map_err(|error| unknown(format!("{}: {}", path.display(), error.message())))?;
    match document.project.and_then(|project| project.name) {
        Some(name) => {
            name.parse().map_err(|_| unknown(format!("{}: `{name}` is no package name", path.display())))
        }
        None => of_setup_cfg(dir),
    }
}

/// `[metadata] name = …`, as setuptools reads it.
fn of_setup_cfg(dir: &Path) -> Result<PackageName, NameError> {
    let path = dir.join("setup.cfg");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let mut in_metadata = false;
    for line in text.lines() {
        if let Some(section) = line.trim().strip_prefix('[') {
            in_metadata = section.trim_end_matches(']').trim() == "metadata";
        } else if let (true, Some((key, value))) = (in_metadata, line.split_once(['=', ':']))
            && key.trim() == "name"
        {
            let value = value.trim();
            return value
                .parse()
                .map_err(|_| unknown(format!("{}: `{value}` is no package name", path.display())));
        }
    }
    Err(unknown("neither pyproject.toml nor setup.cfg states it".into()))
}

fn unknown(reason: String) -> NameError {
    NameError { reason, unavailable: false, source: None }
}
