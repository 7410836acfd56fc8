//! Whether a built wheel is what was asked for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;
use std::sync::Arc;

use depcache_resolve::Metadata;
use domain::Base;
use uv_distribution_filename::WheelFilename;
use uv_pypi_types::ResolutionMetadata;

use super::known::Facts;
use super::statics::Told;
use super::{Known, Origin, Source, SourceError};
use crate::index::read_metadata;

/// Reads METADATA that a backend wrote.
pub(super) fn known(source: &Source, hook: &'static str, bytes: &[u8]) -> Result<Known, SourceError> {
    let read = ResolutionMetadata::parse_metadata(bytes).map_err(|error| SourceError::Answer {
        label: source.label.clone(),
        hook,
        what: format!("its METADATA cannot be read ({error})"),
    })?;
    let told = Told::from(read);
    let known = Known {
        name: told.name,
        version: told.version,
        metadata: Arc::new(told.metadata),
        origin: Origin::Built,
    };
    identity(source, &known)?;
    Ok(known)
}

/// The tree must be the project and version that it was taken for.
pub(super) fn identity(source: &Source, known: &Known) -> Result<(), SourceError> {
    let fits = source.name.as_ref().is_none_or(|name| *name == known.name)
        && source.version.as_ref().is_none_or(|version| *version == known.version);
    if fits {
        return Ok(());
    }
    let name = source.name.as_ref().unwrap_or(&known.name);
    let expected = match &source.version {
        Some(version) => format!("{name} {version}"),
        None => name.to_string(),
    };
    let found = format!("{} {}", known.name, known.version);
    Err(SourceError::Other { label: source.label.clone(), expected, found })
}

/// The wheel that `build_wheel` wrote into `dir`: one plain file, for this base, of this project, as promised.
pub(super) fn wheel(
    source: &Source,
    base: &Base,
    promised: Option<&Metadata>,
    dir: &Path,
    filename: &str,
) -> Result<Known, SourceError> {
    let broken = |what: String| {
        let (label, filename) = (source.label.clone(), filename.chars().take(200).collect());
        SourceError::Wheel { label, filename, what }
    };
    if filename.contains('/') {
        return Err(broken("its name is a path".into()));
    }
    let path = dir.join(filename);
    let is_plain = fs::symlink_metadata(&path).is_ok_and(|meta| meta.is_file());
    if !is_plain {
        return Err(broken("the backend did not write it".into()));
    }
    let parsed: WheelFilename = filename.parse().map_err(|error| broken(format!("{error}")))?;
    if !fits(base, filename) {
        return Err(broken("its tags are not those of this Python and platform".into()));
    }
    let file = File::open(&path).map_err(|source| SourceError::Disk { path: path.clone(), source })?;
    let bytes = read_metadata(BufReader::new(file)).map_err(&broken)?;
    let known = known(source, "build_wheel", &bytes)?;
    if parsed.name != known.name || parsed.version != known.version {
        return Err(broken(format!("its METADATA is that of {} {}", known.name, known.version)));
    }
    if let Some(promised) = promised {
        agree(source, promised, &known)?;
    }
    Ok(known)
}

fn agree(source: &Source, promised: &Metadata, built: &Known) -> Result<(), SourceError> {
    let promised = Facts::of(&built.name, &built.version, promised, Origin::Static);
    let built = Facts::from(built);
    let fields = [
        ("Requires-Dist", &promised.requires, &built.requires),
        ("Requires-Python", &promised.requires_python, &built.requires_python),
        ("Provides-Extra", &promised.extras, &built.extras),
    ];
    for (field, promised, built) in fields {
        if promised != built {
            let (label, promised, built) =
                (source.label.clone(), shown(promised, built), shown(built, promised));
            return Err(SourceError::Differs { label, field, promised, built });
        }
    }
    Ok(())
}

/// What only one side has.
fn shown(own: &BTreeSet<String>, other: &BTreeSet<String>) -> String {
    let own: Vec<&str> = own.difference(other).map(String::as_str).collect();
    if own.is_empty() { "nothing".into() } else { format!("`{}`", own.join("`, `")) }
}

/// Whether one of the wheel's tags is among the base's.
fn fits(base: &Base, filename: &str) -> bool {
    let Some(stem) = filename.strip_suffix(".whl") else { return false };
    let mut parts = stem.rsplitn(4, '-');
    let (Some(platforms), Some(abis), Some(pythons)) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    let tags: BTreeSet<&str> = base.tags.iter().map(String::as_str).collect();
    pythons.split('.').any(|python| {
        abis.split('.').any(|abi| {
            platforms.split('.').any(|platform| tags.contains(format!("{python}-{abi}-{platform}").as_str()))
        })
    })
}
