//! An index in memory and a base beside it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::str::FromStr;
use std::sync::Arc;

use depcache_resolve::facts::Requirement;
use depcache_resolve::{
    Facts, FactsError, FileMetadata, FileSource, Input, Metadata, PackageFile, PackageFiles, Prefetch,
    Resolution, ResolveError, Yanked, expand, requirements::ReadError,
};
use domain::{Base, BaseRecord, Distribution, Interpreter};
use pep440_rs::VersionSpecifiers;
use uv_normalize::PackageName;

/// Facts in memory.
#[derive(Default)]
pub(crate) struct World {
    pub(crate) files: BTreeMap<PackageName, Vec<PackageFile>>,
    pub(crate) metadata: BTreeMap<String, FileMetadata>,
    /// Files of these packages cannot be read.
    pub(crate) unreachable: Vec<PackageName>,
    /// What was announced, as `files a` and `metadata a-1-py3-none-any.whl`.
    pub(crate) announced: RefCell<Vec<String>>,
}

pub(crate) fn name(text: &str) -> PackageName {
    PackageName::from_str(text).unwrap()
}

pub(crate) fn metadata(requires: &[&str], extras: &[&str]) -> Metadata {
    Metadata {
        requires: requires.iter().map(|text| Requirement::from_str(text).unwrap()).collect(),
        requires_python: None,
        extras: extras.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

/// Days since the epoch in milliseconds: upload times read as days.
pub(crate) fn day(days: i64) -> i64 {
    days * 86_400_000
}

impl World {
    /// Adds a universal wheel.
    pub(crate) fn wheel(self, package: &str, version: &str, requires: &[&str]) -> Self {
        let file = Self::file(package, version, "py3-none-any");
        self.add(package, file, metadata(requires, &[]))
    }

    /// A wheel's file entry.
    pub(crate) fn file(package: &str, version: &str, tags: &str) -> PackageFile {
        let filename = format!("{}-{version}-{tags}.whl", package.replace('-', "_"));
        PackageFile {
            url: format!("mem://{filename}"),
            filename,
            index: "mem".into(),
            hashes: vec![],
            size_bytes: None,
            requires_python: None,
            upload_time_ms: Some(day(19_000)),
            yanked: Yanked::No,
            source: FileSource::Index,
        }
    }

    pub(crate) fn add(mut self, package: &str, file: PackageFile, metadata: Metadata) -> Self {
        self.metadata.insert(file.filename.clone(), FileMetadata::Known(Arc::new(metadata)));
        self.files.entry(name(package)).or_default().push(file);
        self
    }

    /// Changes the file added last to `package`.
    pub(crate) fn with(mut self, package: &str, change: impl FnOnce(&mut PackageFile)) -> Self {
        let file = self.files.get_mut(&name(package)).and_then(|files| files.last_mut()).unwrap();
        let before = file.filename.clone();
        change(file);
        if file.filename != before
            && let Some(known) = self.metadata.get(&before).cloned()
        {
            self.metadata.insert(file.filename.clone(), known);
        }
        self
    }

    /// Resolves `lines` as `requirements.txt` on `base`.
    pub(crate) fn resolve(&self, lines: &str, base: BaseRecord) -> Result<Resolution, ResolveError> {
        depcache_resolve::resolve(&input(&[("requirements.txt", lines)], base), self)
    }
}

impl Facts for World {
    fn files(&self, package: &PackageName) -> Result<PackageFiles, FactsError> {
        if self.unreachable.contains(package) {
            return Err(FactsError {
                step: format!("cannot read the file list of {package} from index mem"),
                retryable: true,
                hint: Some("is the index reachable from here?".into()),
                source: None,
            });
        }
        Ok(match self.files.get(package) {
            Some(files) => PackageFiles::Found(files.clone().into()),
            None => PackageFiles::Unknown,
        })
    }

    fn metadata(&self, _: &PackageName, file: &PackageFile) -> Result<FileMetadata, FactsError> {
        Ok(self.metadata[&file.filename].clone())
    }

    fn is_ready(&self, _: &PackageName) -> bool {
        true
    }

    fn prefetch(&self, soon: &[Prefetch<'_>]) {
        let mut announced = self.announced.borrow_mut();
        announced.extend(soon.iter().map(|one| match one {
            Prefetch::Files(package) => format!("files {package}"),
            Prefetch::Metadata(file) => format!("metadata {}", file.filename),
        }));
    }
}

/// Expands files given by name and text; the first is the requirements file.
pub(crate) fn input(files: &[(&str, &str)], base: BaseRecord) -> Input {
    let read = |path: &str| {
        files
            .iter()
            .find(|(name, _)| *name == path)
            .map(|(_, text)| text.as_bytes().to_vec())
            .ok_or(ReadError::NotFound)
    };
    let expanded =
        expand(&[files[0].0], &[], &read, &BTreeMap::new()).unwrap_or_else(|e| panic!("{}", e.render()));
    Input::new(expanded, base)
}

/// A base for CPython `python` on manylinux x86_64, without distributions.
pub(crate) fn bare_base(python: &str) -> BaseRecord {
    let minor: Vec<&str> = python.split('.').take(2).collect();
    let (short, digits) = (minor.join("."), minor.concat());
    let full = if python == short { format!("{python}.0") } else { python.to_owned() };
    let mut tags = Vec::new();
    for abi in [format!("cp{digits}-cp{digits}"), format!("cp{digits}-abi3"), format!("cp{digits}-none")] {
        for platform in ["manylinux_2_17_x86_64", "manylinux2014_x86_64", "linux_x86_64"] {
            tags.push(format!("{abi}-{platform}"));
        }
    }
    tags.extend(
        ["py3-none-manylinux_2_17_x86_64", "py3-none-manylinux2014_x86_64", "py3-none-any"].map(String::from),
    );
    let markers = [
        ("implementation_name", "cpython"),
        ("implementation_version", &full),
        ("os_name", "posix"),
        ("platform_machine", "x86_64"),
        ("platform_python_implementation", "CPython"),
        ("platform_system", "Linux"),
        ("python_full_version", &full),
        ("python_version", &short),
        ("sys_platform", "linux"),
    ];
    BaseRecord {
        schema: 1,
        base: Base {
            schema: 1,
            interpreter: Interpreter {
                implementation: "cpython".into(),
                version: full.clone(),
                abi: format!("cp{digits}"),
                magic: 3495,
                prefix: "/base".into(),
                executable: "/base/bin/python".into(),
                platform: "linux_x86_64".into(),
            },
            markers: markers.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            tags,
            glibc: Some((2, 36)),
            site_dirs: vec!["/base/site-packages".into()],
            distributions: vec![],
        },
        loaded: vec![],
        last_seen: "2026-11-23".into(),
    }
}

/// [`bare_base`] of Python 3.11 with distributions (name, version, requirements) of which some are loaded.
pub(crate) fn base(distributions: &[(&str, &str, &[&str])], loaded: &[&str]) -> BaseRecord {
    let mut record = bare_base("3.11.7");
    record.base.distributions = distributions
        .iter()
        .map(|(name, version, requires)| Distribution {
            name: (*name).into(),
            version: (*version).into(),
            site_dir: "/base/site-packages".into(),
            requires: requires.iter().map(ToString::to_string).collect(),
            extras: vec![],
        })
        .collect();
    record.loaded = loaded.iter().map(ToString::to_string).collect();
    record
}

/// `name==version` of all packages to install.
pub(crate) fn pins(resolution: &Resolution) -> Vec<String> {
    resolution.packages.iter().map(|one| format!("{}=={}", one.name, one.version)).collect()
}

/// Specifiers.
pub(crate) fn specifiers(text: &str) -> VersionSpecifiers {
    VersionSpecifiers::from_str(text).unwrap()
}
