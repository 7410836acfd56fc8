//! Reads a lock.

use std::collections::BTreeSet;

use domain::Digest;
use pep440_rs::Version;
use uv_distribution_filename::DistFilename;
use uv_normalize::PackageName;

use super::super::{Lock, LockedFile, LockedPackage, LockedSource, source};
use super::check::{self, Of};
use super::document::{Document, File, Package};
use super::{LOCK_VERSION, PylockError};

/// How files may be fetched.
const FILE_SCHEMES: &[&str] = &["https", "http", "file"];
/// How repositories may be cloned.
const GIT_SCHEMES: &[&str] = &["https", "http", "ssh", "git", "file"];

impl Lock {
    /// Reads the text of a `pylock.toml` that this program wrote.
    pub fn from_toml(text: &str) -> Result<Self, PylockError> {
        let document: Document = toml::from_str(text).map_err(PylockError::Toml)?;
        if document.lock_version != LOCK_VERSION {
            return Err(PylockError::Version { found: document.lock_version });
        }
        let Some(facts) = document.tool.and_then(|tool| tool.updraft) else {
            return Err(PylockError::Foreign { tool: document.created_by });
        };
        let mut packages: Vec<_> = document.packages.into_iter().map(package).collect::<Result<_, _>>()?;
        packages.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = packages.windows(2).find(|pair| pair[0].name == pair[1].name) {
            return Err(PylockError::Twice { package: pair[0].name.clone() });
        }
        let names = |names: Vec<String>| names.into_iter().map(normal).collect::<Result<Vec<_>, _>>();
        Ok(Self {
            base_id: facts.base_id,
            target_id: facts.target_id,
            requires_python: document.requires_python.unwrap_or_default(),
            mode: facts.mode,
            requested: names(facts.requested)?,
            shadows: facts.shadows,
            kept: facts.base_pins,
            packages,
            inputs: facts.inputs,
        })
    }
}

fn normal(name: String) -> Result<String, PylockError> {
    check::name(&name).map(|_| name)
}

fn package(package: Package) -> Result<LockedPackage, PylockError> {
    let name = check::name(&package.name)?;
    let facts = package.tool.unwrap_or_default().updraft;
    let is_indexed = package.sdist.is_some() || !package.wheels.is_empty();
    // A tree has whatever version its files say; it stands beside what the specification knows.
    let text = package.version.as_deref().or(facts.version.as_deref().filter(|_| !is_indexed));
    let version = check::version(&package.name, text)?;
    let of = Of { package: &package.name };

    let found = package.wheels.len();
    let mut wheels = package.wheels.into_iter();
    let mut sources = Vec::new();
    if let Some(wheel) = wheels.next() {
        if found > 1 {
            return Err(PylockError::Wheels { package: package.name, found });
        }
        sources.push(LockedSource::Wheel(indexed(of, &name, &version, wheel, "wheel")?));
    }
    if let Some(sdist) = package.sdist {
        let file = indexed(of, &name, &version, sdist, "source distribution")?;
        // A wheel is installed rather than built, as the specification says.
        if sources.is_empty() {
            sources.push(LockedSource::Sdist(file));
        }
    }
    if let Some(found) = package.archive {
        sources.push(archive(of, &name, &version, found)?);
    }
    if let Some(vcs) = package.vcs {
        if vcs.kind != "git" {
            return Err(of.refuse("vcs type", &vcs.kind, "is not supported, only git is"));
        }
        sources.push(LockedSource::Vcs {
            url: of.url("vcs url", vcs.url.unwrap_or_default(), GIT_SCHEMES)?,
            requested_revision: of.revision(vcs.requested_revision)?,
            commit: of.commit(vcs.commit_id)?,
            subdirectory: of.subdirectory(vcs.subdirectory)?,
        });
    }
    if let Some(directory) = package.directory {
        sources.push(LockedSource::Directory {
            path: of.path("directory path", directory.path)?,
            editable: directory.editable,
            subdirectory: of.subdirectory(directory.subdirectory)?,
        });
    }
    let found = sources.len();
    let Ok([source]) = <[LockedSource; 1]>::try_from(sources) else {
        return Err(PylockError::Sources { package: package.name, found });
    };
    let requires: BTreeSet<_> =
        package.dependencies.into_iter().map(|one| normal(one.name)).collect::<Result<_, _>>()?;
    Ok(LockedPackage {
        version: version.to_string(),
        extras: facts.extras,
        requires: requires.into_iter().collect(),
        index: package.index,
        source,
        metadata_sha256: facts.metadata_sha256,
        name: package.name,
    })
}

/// A file of an index: its name says package and version.
fn indexed(
    of: Of<'_>,
    name: &PackageName,
    version: &Version,
    file: File,
    kind: &'static str,
) -> Result<LockedFile, PylockError> {
    let file = located(of, file)?;
    let parsed = DistFilename::try_from_filename(&file.filename, name);
    let is_wheel = matches!(parsed, Some(DistFilename::WheelFilename(_)));
    let is_its = parsed.is_some_and(|parsed| parsed.name() == name && parsed.version() == version);
    if !is_its || is_wheel != (kind == "wheel") {
        let (package, version) = (name.to_string(), version.to_string());
        return Err(PylockError::Name { filename: file.filename, kind, package, version });
    }
    Ok(file)
}

/// A file that a requirement names. A wheel must be the package's; a source tree may lie in any archive.
fn archive(
    of: Of<'_>,
    name: &PackageName,
    version: &Version,
    mut file: File,
) -> Result<LockedSource, PylockError> {
    let subdirectory = file.subdirectory.take();
    let is_wheel = file_name(&file).is_some_and(|filename| source::is_wheel(&filename));
    let file = if is_wheel { indexed(of, name, version, file, "wheel")? } else { located(of, file)? };
    match (&file.url, &file.path) {
        (Some(_), None) | (None, Some(_)) => {}
        _ => return Err(of.refuse("archive", &file.filename, "needs either url or path")),
    }
    Ok(LockedSource::Archive { file, subdirectory: of.subdirectory(subdirectory)? })
}

fn located(of: Of<'_>, file: File) -> Result<LockedFile, PylockError> {
    let filename = file_name(&file).unwrap_or_default();
    if filename.is_empty() || filename.contains(['/', '\\']) || filename.contains(char::is_control) {
        return Err(of.refuse("file name", &filename, "is no file name"));
    }
    let sha256 = file.hashes.get("sha256").and_then(|hex| hex.parse::<Digest>().ok());
    Ok(LockedFile {
        sha256: sha256.ok_or_else(|| PylockError::Hash { filename: filename.clone() })?,
        filename,
        url: file.url.map(|url| of.url("url", url, FILE_SCHEMES)).transpose()?,
        path: file.path.map(|path| of.path("path", path)).transpose()?,
        size: file.size,
        upload_time: file.upload_time.map(|moment| moment.to_string()),
    })
}

/// `name`, else the last part of path or address, as the specification says.
fn file_name(file: &File) -> Option<String> {
    let of_path = || file.path.as_deref().map(|path| path.rsplit('/').next().unwrap_or(path).to_owned());
    let of_url = || {
        let url = reqwest::Url::parse(file.url.as_deref()?).ok()?;
        let last = url.path_segments()?.next_back()?.to_owned();
        Some(source::decoded(&last))
    };
    file.name.clone().or_else(of_path).or_else(of_url)
}
