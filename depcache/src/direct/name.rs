//! Which package lies at a place that does not tell it: read from the project's own description.

use std::path::{Path, PathBuf};

use depcache_resolve::requirements::{NameError, Names};
use depcache_resolve::{DirectReference, FileSource, PackageFile, Place, Yanked};
use reqwest::Url;
use serde::Deserialize;
use uv_normalize::PackageName;

use super::source::{checkout, of_file};
use super::{DirectError, located, login, plain};
use crate::blocking::wait;
use crate::index::Index;
use crate::session::Session;
use crate::source::Frontend;

#[derive(Deserialize)]
struct Document {
    project: Option<Project>,
}

#[derive(Deserialize)]
struct Project {
    name: Option<String>,
}

/// The name of the package that a reference leads to. Nothing is built for it. Blocking; inside a runtime.
pub fn name(session: &Session, reference: &DirectReference) -> Result<PackageName, NameError> {
    if let Place::Path { path, .. } = &reference.place {
        let at = located(path).map_err(|error| unknown(error.to_string()))?;
        if at.is_dir() {
            return of_project(&below(&at, reference));
        }
    }
    let looked_up = wait(looked_up(session, reference));
    looked_up.map_err(|error| unknown(format!("nobody can look: {error}")))?.map_err(|error| NameError {
        reason: "it cannot be read there".into(),
        unavailable: error.exit_code() == domain::exit::UNAVAILABLE,
        source: Some(Box::new(error)),
    })?
}

async fn looked_up(
    session: &Session,
    reference: &DirectReference,
) -> Result<Result<PackageName, NameError>, DirectError> {
    let failed = |source| DirectError::Fetch { reference: reference.to_string(), source };
    let settings = session.settings_without_index();
    let mut settings = settings.map_err(|_| DirectError::Address { reference: reference.to_string() })?;
    settings.places.extend(login(reference));
    let index = Index::new(settings, session.cache.clone()).map_err(failed)?;
    let mut reading = session.clone();
    reading.options.builds.no_build = Names::All;
    let frontend = Frontend::new(&reading, &index);
    if let Place::Git { url, requested } = &reference.place {
        let (_, path) = checkout(&frontend, url, requested.as_deref(), None).await?;
        return Ok(of_project(&below(&path, reference)));
    }
    let (url, source) = match &reference.place {
        Place::Url(text) => (plain(text)?, FileSource::Url { subdirectory: reference.subdirectory.clone() }),
        Place::Path { path, .. } => {
            let at = located(path)?;
            let url = Url::from_file_path(&at).map_err(|()| DirectError::Kind { path: at.clone() })?;
            (url, FileSource::Path { path: path.clone(), subdirectory: reference.subdirectory.clone() })
        }
        Place::Git { .. } => return Ok(Err(unknown("it is a repository".into()))),
    };
    let file = PackageFile {
        filename: String::new(),
        url: url.to_string(),
        index: String::new(),
        hashes: reference.hashes.clone(),
        size_bytes: None,
        requires_python: None,
        upload_time_ms: None,
        yanked: Yanked::No,
        source,
    };
    let tree = of_file(&frontend, None, &file).await?;
    let known = frontend.metadata(&tree).await.map_err(|source| DirectError::Source {
        reference: reference.to_string(),
        source: Box::new(source),
    })?;
    Ok(Ok(known.name))
}

/// The project's directory.
fn below(root: &Path, reference: &DirectReference) -> PathBuf {
    reference.subdirectory.as_ref().map_or_else(|| root.to_owned(), |below| root.join(below))
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
