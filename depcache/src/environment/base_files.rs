//! What the base's distributions bring, by their RECORDs.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use depcache_layer::{RecordRow, check_path, parse_record};
use domain::environment::Shadow;
use domain::{Base, Distribution};

use super::EnvironmentError;
use crate::layers::layout;

/// Files of the base's distributions. Bytecode is left out: RECORDs list it or not, depending on the installer;
/// it is found beside its sources when an environment is composed.
#[derive(Debug, Default)]
pub struct BaseFiles {
    distributions: Vec<(String, Vec<BaseFile>)>,
    /// Where the environment's own modules are, `lib/python3.11/site-packages`.
    pub(super) site_packages: String,
    /// The directory that holds all of them, when there is one only.
    only_site: Option<PathBuf>,
}

/// One file of the base.
#[derive(Debug, Clone)]
pub(super) struct BaseFile {
    /// Path in the environment.
    pub(super) path: String,
    /// Where it lies.
    pub(super) source: PathBuf,
    /// Hash as RECORD writes it; empty when unknown.
    pub(super) hash: String,
}

/// An item of a base directory.
#[derive(Debug, Clone, Copy)]
pub(super) enum BaseItem<'b> {
    File(&'b BaseFile),
    Directory,
}

/// The base's unshadowed files as a tree, and where something is missing from it.
#[derive(Debug, Default)]
pub(super) struct Unshadowed<'b> {
    /// Directory → name → item.
    pub(super) children: HashMap<&'b str, BTreeMap<&'b str, BaseItem<'b>>>,
    /// Directories with a shadowed file somewhere beneath: they cannot be one link.
    pub(super) torn: HashSet<&'b str>,
    /// Directories with a shadowed file directly inside: nor can their bytecode directory.
    pub(super) torn_here: HashSet<&'b str>,
    /// The directory that holds all of the base's modules, when there is one only.
    pub(super) only_site: Option<&'b Path>,
}

impl BaseFiles {
    /// Reads the RECORD of every distribution. Nothing for `--base none`.
    pub fn read(base: &Base) -> Result<Self, EnvironmentError> {
        let mut listings: HashMap<&str, Vec<String>> = HashMap::new();
        let mut distributions = Vec::with_capacity(base.distributions.len());
        for distribution in &base.distributions {
            let site = distribution.site_dir.as_str();
            if !listings.contains_key(site) {
                listings.insert(site, metadata_directories(Path::new(site))?);
            }
            let rows = rows(distribution, &listings[site])?;
            let files = rows.into_iter().filter_map(|row| locate(base, site, row)).collect();
            distributions.push((distribution.name.clone(), files));
        }
        let only_site = match listings.keys().collect::<Vec<_>>()[..] {
            [site] => Some(PathBuf::from(site)),
            _ => None,
        };
        Ok(Self { distributions, site_packages: layout(base).site_packages, only_site })
    }

    #[cfg(test)]
    pub(super) fn of(distributions: Vec<(String, Vec<BaseFile>)>, site_packages: &str, site: &str) -> Self {
        Self { distributions, site_packages: site_packages.into(), only_site: Some(site.into()) }
    }

    pub(super) fn without(&self, shadows: &[Shadow]) -> Unshadowed<'_> {
        let shadowed: HashSet<&str> = shadows.iter().map(|shadow| shadow.name.as_str()).collect();
        let mut tree = Unshadowed { only_site: self.only_site.as_deref(), ..Unshadowed::default() };
        for (name, files) in &self.distributions {
            for file in files {
                if shadowed.contains(name.as_str()) {
                    tree.tear(&file.path);
                } else {
                    tree.insert(file);
                }
            }
        }
        tree
    }
}

impl<'b> Unshadowed<'b> {
    fn insert(&mut self, file: &'b BaseFile) {
        let (mut directory, name) = split(&file.path);
        self.children.entry(directory).or_default().insert(name, BaseItem::File(file));
        while !directory.is_empty() {
            let (parent, name) = split(directory);
            if self.children.entry(parent).or_default().insert(name, BaseItem::Directory).is_some() {
                return;
            }
            directory = parent;
        }
    }

    fn tear(&mut self, path: &'b str) {
        let (mut directory, _) = split(path);
        self.torn_here.insert(directory);
        while !directory.is_empty() && self.torn.insert(directory) {
            directory = split(directory).0;
        }
    }
}

/// Directory and name.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn metadata_directories(site: &Path) -> Result<Vec<String>, EnvironmentError> {
    let entries = match fs::read_dir(site) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(EnvironmentError::file("list", site)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(EnvironmentError::file("list", site))?.file_name();
        if let Some(name) =
            name.to_str().filter(|name| name.ends_with(".dist-info") || name.ends_with(".egg-info"))
        {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Rows of the distribution's RECORD; of `installed-files.txt` or `top_level.txt` for what older installers left.
fn rows(distribution: &Distribution, listing: &[String]) -> Result<Vec<RecordRow>, EnvironmentError> {
    let wanted = |name: &&String| {
        let stem = name.trim_end_matches(".dist-info").trim_end_matches(".egg-info");
        stem.split('-').next().is_some_and(|found| normalise(found) == distribution.name)
    };
    let Some(info) = listing.iter().find(wanted) else { return Ok(Vec::new()) };
    let directory = Path::new(&distribution.site_dir).join(info);
    let read = |file: &str| -> Result<Option<String>, EnvironmentError> {
        match fs::read(directory.join(file)) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error)
                if matches!(
                    error.kind(),
                    std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(EnvironmentError::file("read", directory.join(file))(error)),
        }
    };
    if let Some(text) = read("RECORD")? {
        return Ok(parse_record(&text));
    }
    let row = |path: String| RecordRow { path, hash: String::new(), size: String::new() };
    if let Some(text) = read("installed-files.txt")? {
        return Ok(text.lines().map(|line| row(format!("{info}/{}", line.trim()))).collect());
    }
    let mut rows = files_below(&directory, info).into_iter().map(row).collect::<Vec<_>>();
    if directory.is_file() {
        rows.push(row(info.clone()));
    }
    for top in read("top_level.txt")?.unwrap_or_default().lines().map(str::trim).filter(|top| !top.is_empty())
    {
        let site = Path::new(&distribution.site_dir);
        rows.extend(files_below(&site.join(top), top).into_iter().map(row));
        rows.extend(Some(format!("{top}.py")).filter(|file| site.join(file).is_file()).map(row));
    }
    Ok(rows)
}

fn files_below(directory: &Path, name: &str) -> Vec<String> {
    walkdir::WalkDir::new(directory)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| !entry.file_type().is_dir())
        .filter_map(|entry| Some(format!("{name}/{}", entry.path().strip_prefix(directory).ok()?.to_str()?)))
        .collect()
}

/// Where a row's file lies and goes. `None` for bytecode and for files outside site-packages and prefix.
fn locate(base: &Base, site: &str, row: RecordRow) -> Option<BaseFile> {
    if row.path.contains("__pycache__/") {
        return None;
    }
    let source = normal(&Path::new(site).join(&row.path))?;
    let path = match source.strip_prefix(site) {
        Ok(inside) => format!("{}/{}", layout(base).site_packages, inside.to_str()?),
        Err(_) => source.strip_prefix(&base.interpreter.prefix).ok()?.to_str()?.to_owned(),
    };
    check_path(&path).ok()?;
    Some(BaseFile { path, source, hash: row.hash })
}

/// Without `.` and `..`, by words only.
fn normal(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.pop() {
                    return None;
                }
            }
            other => out.push(other),
        }
    }
    Some(out)
}

/// PEP 503.
fn normalise(name: &str) -> String {
    name.split(['-', '_', '.']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-").to_lowercase()
}
