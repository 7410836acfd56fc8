//! The resolver's questions, answered by the index.
//!
//! The resolver is synchronous and runs on a blocking thread; its questions are answered by driving the async
//! client from there. Prefetches run beside it on tasks that end with this value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use depcache_resolve::facts::{HashAlgorithm, Metadata, MetadataError};
use depcache_resolve::{
    Facts, FactsError, FileHash, FileMetadata, FileSource, PackageFile, PackageFiles, Prefetch, Yanked,
};
use pep440_rs::{Version, VersionSpecifiers};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use uv_distribution_filename::{DistFilename, WheelFilename};
use uv_normalize::PackageName;
use uv_pypi_types::LenientVersionSpecifiers;

use crate::index::{Index, IndexError, IndexFile};
use crate::source::{Frontend, SourceError};

/// Prefetches that may wait at a time. More advice than this is dropped: the question itself will be asked.
const PREFETCH_LIMIT: usize = 400;

/// [`Facts`] over an [`Index`].
#[derive(Debug)]
pub struct IndexFacts {
    index: Index,
    runtime: Handle,
    frontend: Option<Frontend>,
    prefetches: Mutex<JoinSet<()>>,
}

impl IndexFacts {
    /// Facts whose calls must come from a thread that may block (`spawn_blocking`).
    pub fn new(index: Index, runtime: Handle) -> Self {
        Self { index, runtime, frontend: None, prefetches: Mutex::new(JoinSet::new()) }
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
        let files = index.files(package).await?;
        Ok(files.iter().find(|known| known.url.as_str() == file.url).cloned())
    }
}

impl Facts for IndexFacts {
    fn files(&self, package: &PackageName) -> Result<PackageFiles, FactsError> {
        let files = self
            .runtime
            .block_on(self.index.files(package))
            .map_err(|error| facts_error(format!("the list of files of {package} cannot be read"), error))?;
        if files.is_empty() {
            return Ok(PackageFiles::Unknown);
        }
        let mut ranges = Ranges::new();
        Ok(PackageFiles::Found(files.iter().map(|file| package_file(file, &mut ranges)).collect()))
    }

    fn metadata(&self, package: &PackageName, file: &PackageFile) -> Result<FileMetadata, FactsError> {
        if let Some(DistFilename::SourceDistFilename(sdist)) =
            DistFilename::try_from_filename(&file.filename, package)
        {
            let Some(frontend) = &self.frontend else {
                return Ok(FileMetadata::Unusable("there is only a source distribution".into()));
            };
            return self.of_source(frontend, package, file, &sdist.version);
        }
        let read = async {
            match Self::index_file(&self.index, package, file).await? {
                Some(known) => self.index.metadata(&known).await.map(Some),
                None => Ok(None),
            }
        };
        let bytes = match self.runtime.block_on(read) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(FileMetadata::Unusable("the index no longer offers it".into())),
            // One broken file must not end the search for a version that works.
            Err(error @ (IndexError::BrokenWheel { .. } | IndexError::NotFound { .. })) => {
                return Ok(FileMetadata::Unusable(error.to_string()));
            }
            Err(error) => {
                let step = format!("the metadata of {} cannot be read", file.filename);
                return Err(facts_error(step, error));
            }
        };
        let Ok(name) = file.filename.parse::<WheelFilename>() else {
            return Ok(FileMetadata::Unusable("its name is not that of a wheel".into()));
        };
        Ok(match Metadata::parse(&bytes, &name.version) {
            Ok(metadata) => FileMetadata::Known(Arc::new(metadata)),
            Err(MetadataError::Parse(why)) => {
                FileMetadata::Unusable(format!("its METADATA cannot be read: {why}"))
            }
            Err(error @ MetadataError::Version { .. }) => FileMetadata::Unusable(error.to_string()),
        })
    }

    fn prefetch(&self, soon: &[Prefetch<'_>]) {
        let mut tasks = self.prefetches.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        for question in soon {
            if tasks.len() >= PREFETCH_LIMIT {
                return;
            }
            let index = self.index.clone();
            // A failed prefetch is told when the question itself is asked.
            match question {
                Prefetch::Files(package) => {
                    let package = (*package).clone();
                    tasks.spawn_on(async move { drop(index.files(&package).await) }, &self.runtime);
                }
                Prefetch::Metadata(file) => {
                    let file = (*file).clone();
                    let ahead = async move {
                        let Ok(name) = file.filename.parse::<WheelFilename>() else { return };
                        if let Ok(Some(known)) = Self::index_file(&index, &name.name, &file).await {
                            drop(index.metadata(&known).await);
                        }
                    };
                    tasks.spawn_on(ahead, &self.runtime);
                }
            }
        }
    }
}

/// `Requires-Python` texts that were read; the thousands of files of a project have a dozen different ones.
type Ranges<'a> = HashMap<&'a str, Option<VersionSpecifiers>>;

fn package_file<'a>(file: &'a IndexFile, ranges: &mut Ranges<'a>) -> PackageFile {
    let mut range = |text: &'a str| {
        let read = || text.parse::<LenientVersionSpecifiers>().ok().map(Into::into);
        ranges.entry(text).or_insert_with(read).clone()
    };
    let hashes =
        file.sha256.iter().map(|sha256| FileHash { algorithm: HashAlgorithm::Sha256, hex: sha256.hex() });
    PackageFile {
        filename: file.filename.clone(),
        url: file.url.to_string(),
        index: file.index.clone(),
        hashes: hashes.collect(),
        size_bytes: file.size,
        requires_python: file.requires_python.as_deref().and_then(&mut range),
        upload_time_ms: file
            .upload_time
            .as_deref()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok())
            .map(jiff::Timestamp::as_millisecond),
        yanked: file.yanked.clone().map_or(Yanked::No, Yanked::Yes),
        source: FileSource::Index,
    }
}

/// `message: cause: cause`.
fn chain(error: &dyn std::error::Error) -> String {
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
    cause.downcast_ref::<SourceError>().map_or(domain::exit::UNAVAILABLE, SourceError::exit_code)
}

fn facts_error(step: String, error: IndexError) -> FactsError {
    FactsError { step, retryable: error.is_retryable(), hint: error.hint(), source: Some(Box::new(error)) }
}
