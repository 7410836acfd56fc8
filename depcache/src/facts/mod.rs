//! The resolver's questions, answered by the index.
//!
//! The resolver is synchronous and runs on a blocking thread; its questions are answered by driving the async
//! client from there. Prefetches run beside it on tasks that end with this value.

mod ahead;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use depcache_resolve::HashAlgorithm;
use depcache_resolve::facts::{Metadata, MetadataError};
use depcache_resolve::{
    DirectReference, Facts, FactsError, FileMetadata, FileSource, FilesByVersion, PackageFile, PackageFiles,
    Prefetch,
};
use domain::Digest;
use pep440_rs::Version;
use tokio::runtime::Handle;
use uv_distribution_filename::{DistExtension, DistFilename};
use uv_normalize::PackageName;

use self::ahead::Ahead;
use crate::direct::DirectError;
use crate::index::{CoreMetadata, Index, IndexError, IndexFile, ProjectFiles};
use crate::source::{Frontend, SourceError};

/// [`Facts`] over an [`Index`].
#[derive(Debug)]
pub struct IndexFacts {
    index: Index,
    runtime: Handle,
    frontend: Option<Frontend>,
    ahead: Ahead,
    /// By address: extras ask for the same METADATA again and again.
    read: Mutex<HashMap<String, FileMetadata>>,
}

impl IndexFacts {
    /// Facts whose calls must come from a thread that may block (`spawn_blocking`).
    pub fn new(index: Index, runtime: Handle) -> Self {
        Self { index, runtime, frontend: None, ahead: Ahead::default(), read: Mutex::default() }
    }

    /// With metadata of source distributions, read or built by `frontend`.
    #[must_use]
    pub fn with_frontend(self, frontend: Frontend) -> Self {
        Self { frontend: Some(frontend), ..self }
    }

    fn of_source(
        &self,
        frontend: &Frontend,
        package: &PackageName,
        file: &PackageFile,
        version: &Version,
    ) -> Result<FileMetadata, FactsError> {
        let read = async {
            let failed = |source| SourceError::Fetch { label: file.filename.clone(), source };
            if file.source != FileSource::Index {
                let tree = crate::direct::of_file(frontend, Some(package), file).await;
                let tree = tree.map_err(|error| SourceError::Place {
                    label: file.filename.clone(),
                    source: Box::new(error),
                })?;
                return frontend.metadata(&tree).await.map(Some);
            }
            let known = Self::index_file(&self.index, package, file).await.map_err(failed)?;
            let Some(known) = known else { return Ok(None) };
            let source = frontend.sdist(package, version, &known, None).await?;
            frontend.metadata(&source).await.map(Some)
        };
        match self.runtime.block_on(read) {
            Ok(Some(known)) => Ok(FileMetadata::Known(known.metadata)),
            Ok(None) => Ok(FileMetadata::Unusable("the index no longer offers it".into())),
            Err(error) if error.spoils_only_the_file() => Ok(FileMetadata::Unusable(chain(&error))),
            Err(error) => Err(FactsError {
                step: format!("the metadata of {} cannot be had", file.filename),
                retryable: error.is_retryable(),
                hint: error.hint(),
                source: Some(Box::new(error)),
            }),
        }
    }

    /// The file of the index that `file` stands for.
    pub async fn index_file(
        index: &Index,
        package: &PackageName,
        file: &PackageFile,
    ) -> Result<Option<IndexFile>, IndexError> {
        if file.source != FileSource::Index {
            return Ok(crate::direct::index_file(file));
        }
        let named = index.files(package).await?.named(package, &file.filename);
        Ok(named.into_iter().find(|known| known.url.as_str() == file.url))
    }
}

/// METADATA of `file`, asked for and read.
async fn ask(index: &Index, package: &PackageName, file: &PackageFile) -> Result<FileMetadata, IndexError> {
    let Some(known) = IndexFacts::index_file(index, package, file).await? else {
        return Ok(FileMetadata::Unusable("the index no longer offers it".into()));
    };
    match index.metadata(&known).await {
        Ok(metadata) => Ok(parse(package, file, &metadata)),
        // One broken file must not end the search for a version that works.
        Err(
            error @ (IndexError::BrokenWheel { .. }
            | IndexError::NotFound { .. }
            | IndexError::WeakHash { .. }),
        ) => Ok(FileMetadata::Unusable(error.to_string())),
        Err(error) => Err(error),
    }
}

/// What the page says the file's content is.
fn sha256(file: &PackageFile) -> Option<Digest> {
    file.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256)?.hex.parse().ok()
}

fn parse(package: &PackageName, file: &PackageFile, metadata: &CoreMetadata) -> FileMetadata {
    let Some(DistFilename::WheelFilename(name)) =
        depcache_resolve::facts::parse_filename(&file.filename, package)
    else {
        return FileMetadata::Unusable("its name is not that of a wheel".into());
    };
    match named(&metadata.headers) {
        Some(found) if found.parse::<PackageName>().ok().as_ref() == Some(package) => {}
        found => {
            let found = found.map_or("nothing".to_owned(), |found| format!("{found:?}"));
            return FileMetadata::Unusable(format!("its METADATA is of {found}, not of {package}"));
        }
    }
    match Metadata::parse(&metadata.headers, &name.version) {
        Ok(metadata) => FileMetadata::Known(Arc::new(metadata)),
        Err(MetadataError::Parse(why)) => {
            FileMetadata::Unusable(format!("its METADATA cannot be read: {why}"))
        }
        Err(error) => FileMetadata::Unusable(error.to_string()),
    }
}

/// The `Name` field, at most 100 characters of it.
fn named(headers: &[u8]) -> Option<String> {
    let mut lines = headers.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (field, value) = line.split_at_checked(5)?;
        field.eq_ignore_ascii_case(b"name:").then_some(value)
    })?;
    Some(String::from_utf8_lossy(value).trim().chars().take(100).collect())
}

impl FilesByVersion for ProjectFiles {
    fn versions(&self) -> &[Version] {
        self.versions()
    }

    fn files(&self, position: usize) -> Vec<PackageFile> {
        self.package_files(position)
    }
}

impl Facts for IndexFacts {
    fn files(&self, package: &PackageName) -> Result<PackageFiles, FactsError> {
        let files = self
            .runtime
            .block_on(self.index.files(package))
            .map_err(|error| facts_error(format!("the list of files of {package} cannot be read"), error))?;
        Ok(if files.is_known() { PackageFiles::ByVersion(files) } else { PackageFiles::Unknown })
    }

    fn direct(&self, package: &PackageName, reference: &DirectReference) -> Result<PackageFile, FactsError> {
        let Some(frontend) = &self.frontend else {
            let step = format!("{package} cannot be taken from {reference} here");
            return Err(FactsError { step, retryable: false, hint: None, source: None });
        };
        let file = crate::direct::file(frontend, package, reference);
        self.runtime.block_on(file).map_err(|error| FactsError {
            step: format!("{package} cannot be taken from {reference}"),
            retryable: error.is_retryable(),
            hint: error.hint(),
            source: Some(Box::new(error)),
        })
    }

    fn metadata(&self, package: &PackageName, file: &PackageFile) -> Result<FileMetadata, FactsError> {
        if let Some(DistFilename::SourceDistFilename(sdist)) =
            depcache_resolve::facts::parse_filename(&file.filename, package)
        {
            let Some(frontend) = &self.frontend else {
                return Ok(FileMetadata::Unusable("there is only a source distribution".into()));
            };
            return self.of_source(frontend, package, file, &sdist.version);
        }
        let read = || self.read.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(known) = read().get(&file.url) {
            return Ok(known.clone());
        }
        // What is on disk needs no task: waking one takes longer than reading.
        let known = match self.index.metadata_at_hand(&file.url, sha256(file).as_ref()) {
            Some(metadata) => parse(package, file, &metadata),
            None => self.runtime.block_on(ask(&self.index, package, file)).map_err(|error| {
                facts_error(format!("the metadata of {} cannot be read", file.filename), error)
            })?,
        };
        read().insert(file.url.clone(), known.clone());
        Ok(known)
    }

    fn is_ready(&self, package: &PackageName) -> bool {
        self.index.has_files(package)
    }

    fn is_metadata_at_hand(&self, file: &PackageFile) -> bool {
        !self.ahead.has(&file.url) && sha256(file).is_some_and(|sha256| self.index.has_metadata(&sha256))
    }

    fn prefetch(&self, soon: &[Prefetch<'_>]) {
        for question in soon {
            let index = self.index.clone();
            match *question {
                Prefetch::Files(package) => {
                    let name = package.clone();
                    let ahead = async move { drop(index.files(&name).await) };
                    self.ahead.ask(&self.runtime, package.as_ref(), true, ahead);
                }
                // What has to be built is not built on suspicion.
                Prefetch::Metadata(file) if !is_wheel(file) => {}
                // What is on disk is read when it is asked for: of what is announced, most never is.
                Prefetch::Metadata(file) if self.is_metadata_at_hand(file) => {}
                Prefetch::Metadata(file) => {
                    let wheel = file.clone();
                    let ahead = async move {
                        let Some(name) = DistFilename::try_from_normalized_filename(&wheel.filename) else {
                            return;
                        };
                        if let Ok(Some(known)) = Self::index_file(&index, name.name(), &wheel).await {
                            drop(index.metadata(&known).await);
                        }
                    };
                    self.ahead.ask(&self.runtime, &file.url, false, ahead);
                }
            }
        }
    }

    fn wait(&self, question: Prefetch<'_>) -> bool {
        let key = match &question {
            Prefetch::Files(package) => package.as_ref(),
            Prefetch::Metadata(file) => file.url.as_str(),
        };
        if !self.ahead.has(key) {
            self.prefetch(&[question]);
        }
        self.ahead.wait(&self.runtime, key)
    }
}

fn is_wheel(file: &PackageFile) -> bool {
    DistExtension::from_path(&file.filename).is_ok_and(|kind| kind == DistExtension::Wheel)
}

/// `message: cause: cause`.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// The exit code of a command that ends because facts could not be had.
pub fn exit_code(error: &FactsError) -> u8 {
    let Some(cause) = error.source.as_deref() else { return domain::exit::UNAVAILABLE };
    if let Some(index) = cause.downcast_ref::<IndexError>() {
        return index.exit_code();
    }
    if let Some(direct) = cause.downcast_ref::<DirectError>() {
        return direct.exit_code();
    }
    cause.downcast_ref::<SourceError>().map_or(domain::exit::UNAVAILABLE, SourceError::exit_code)
}

fn facts_error(step: String, error: IndexError) -> FactsError {
    FactsError { step, retryable: error.is_retryable(), hint: error.hint(), source: Some(Box::new(error)) }
}
