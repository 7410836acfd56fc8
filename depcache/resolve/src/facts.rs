//! What the resolver asks of the outside: files of a package and metadata of a file.

use std::fmt;
use std::sync::Arc;

use pep440_rs::{Version, VersionSpecifiers};
use uv_distribution_filename::DistFilename;
use uv_normalize::{ExtraName, PackageName};
use uv_pypi_types::{ResolutionMetadata, VerbatimParsedUrl};

use crate::hash::FileHash;
use crate::reference::{DirectReference, FileSource};

/// A requirement as metadata and users write it.
pub type Requirement = pep508_rs::Requirement<VerbatimParsedUrl>;

/// Whether a file was withdrawn (PEP 592).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Yanked {
    /// It was not.
    No,
    /// It was; the reason may be empty.
    Yes(String),
}

/// One file that an index offers. Files that are neither wheel nor sdist need not be passed; they are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageFile {
    /// `numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl`.
    pub filename: String,
    /// Where to fetch it; never shown, never compared.
    pub url: String,
    /// The index it came from, without credentials, as the lock names it.
    pub index: String,
    /// What the index says its hashes are; may be empty.
    pub hashes: Vec<FileHash>,
    /// Bytes, when the index says so.
    pub size_bytes: Option<u64>,
    /// `Requires-Python` of the file, when the index says so.
    pub requires_python: Option<VersionSpecifiers>,
    /// Milliseconds since the Unix epoch (PEP 700), when the index says so.
    pub upload_time_ms: Option<i64>,
    /// Whether it was withdrawn.
    pub yanked: Yanked,
    /// Where it comes from: an index, or the place that a direct reference names.
    pub source: FileSource,
}

/// What a file name says, when it is a wheel's or a source distribution's of `package`. Pages may list files of other
/// projects; those are not this package's, whatever they are called there.
pub fn parse_filename(filename: &str, package: &PackageName) -> Option<DistFilename> {
    DistFilename::try_from_filename(filename, package).filter(|parsed| parsed.name() == package)
}

/// Answer to "which files does this package have?".
#[derive(Debug, Clone)]
pub enum PackageFiles {
    /// These, in any order.
    Found(Arc<[PackageFile]>),
    /// The same, sorted by version: only the files of versions that are looked at are made.
    ByVersion(Arc<dyn FilesByVersion>),
    /// No index knows the name.
    Unknown,
}

/// Files of a package by version. Popular packages have thousands of files, and a resolution looks at a handful.
pub trait FilesByVersion: fmt::Debug + Send + Sync {
    /// All versions, ascending, each once.
    fn versions(&self) -> &[Version];

    /// Files of `versions()[position]`, in any order; empty behind the end.
    fn files(&self, position: usize) -> Vec<PackageFile>;
}

impl PackageFiles {
    /// Every file of the package, in any order.
    pub fn all(&self) -> Vec<PackageFile> {
        match self {
            Self::Found(files) => files.to_vec(),
            Self::ByVersion(files) => (0..files.versions().len()).flat_map(|at| files.files(at)).collect(),
            Self::Unknown => Vec::new(),
        }
    }
}

/// What of a file's METADATA decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// `Requires-Dist`.
    pub requires: Vec<Requirement>,
    /// `Requires-Python`.
    pub requires_python: Option<VersionSpecifiers>,
    /// `Provides-Extra`.
    pub extras: Vec<ExtraName>,
}

/// A METADATA file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It could not be parsed.
    #[error("its METADATA cannot be read")]
    Parse(#[source] uv_pypi_types::MetadataError),
    /// It speaks of another version than its file name does.
    #[error("its METADATA says version {found}, its file name {expected}")]
    Version {
        /// In METADATA.
        found: Version,
        /// In the file name.
        expected: Version,
    },
}

impl Metadata {
    /// Reads METADATA of a wheel whose file name says `version`.
    pub fn parse(bytes: &[u8], version: &Version) -> Result<Self, MetadataError> {
        let metadata = ResolutionMetadata::parse_metadata(bytes).map_err(MetadataError::Parse)?;
        if metadata.version != *version {
            return Err(MetadataError::Version { found: metadata.version, expected: version.clone() });
        }
        Ok(Self {
            requires: metadata.requires_dist.into_vec(),
            requires_python: metadata.requires_python,
            extras: metadata.provides_extra.into_vec(),
        })
    }
}

/// Answer to "what does this file's METADATA say?".
#[derive(Debug, Clone)]
pub enum FileMetadata {
    /// This.
    Known(Arc<Metadata>),
    /// The file cannot be used, for this reason (`its METADATA cannot be read: …`); the version counts as unavailable.
    Unusable(String),
}

/// What could be asked for soon.
#[derive(Debug, Clone, Copy)]
pub enum Prefetch<'a> {
    /// [`Facts::files`] of this package.
    Files(&'a PackageName),
    /// [`Facts::metadata`] of this file.
    Metadata(&'a PackageFile),
}

/// An index did not answer; the resolution ends.
#[derive(Debug, thiserror::Error)]
#[error("{step}")]
pub struct FactsError {
    /// The failed step with its identifiers, `cannot read the file list of numpy from index …`.
    pub step: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What to do.
    pub hint: Option<String>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The outside world, answered synchronously; calls may block. The same question must get the same answer
/// during one resolution (and its proposals): implementations remember what they fetched.
pub trait Facts {
    /// All files of a package.
    fn files(&self, package: &PackageName) -> Result<PackageFiles, FactsError>;

    /// The file or tree that a direct reference names, under a file name that tells its version; its metadata is
    /// asked for with [`Facts::metadata`]. A tree that a wheel is to be made of has the name of a source
    /// distribution.
    fn direct(&self, package: &PackageName, reference: &DirectReference) -> Result<PackageFile, FactsError> {
        Err(FactsError {
            step: format!("{package} cannot be taken from {reference} here"),
            retryable: false,
            hint: None,
            source: None,
        })
    }

    /// METADATA of a file that [`Facts::files`] or [`Facts::direct`] returned: of a wheel, or what building the sources
    /// gives.
    fn metadata(&self, package: &PackageName, file: &PackageFile) -> Result<FileMetadata, FactsError>;

    /// Whether [`Facts::files`] of this package would answer without waiting; metadata of its likely version is
    /// then announced early.
    fn is_ready(&self, package: &PackageName) -> bool {
        let _ = package;
        false
    }

    /// Whether [`Facts::metadata`] of this file would answer without waiting, and would have done so before anything was
    /// announced: where it is so, announcing more is of no use.
    fn is_metadata_at_hand(&self, file: &PackageFile) -> bool {
        let _ = file;
        false
    }

    /// Waits until [`Facts::files`] or [`Facts::metadata`] would answer this question without waiting, or until that is
    /// in vain: true. False when, before that, the files of a package that was announced have come; then what is asked
    /// next of that package can be announced meanwhile.
    fn wait(&self, question: Prefetch<'_>) -> bool {
        let _ = question;
        true
    }

    /// Advice: these questions come soon, probably. Must not block.
    fn prefetch(&self, soon: &[Prefetch<'_>]) {
        let _ = soon;
    }
}
