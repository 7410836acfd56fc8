//! The resolver's questions, answered by the index.
//!
//! The resolver is synchronous and runs on a blocking thread; its questions are answered by driving the async
//! client from there. Prefetches run beside it on tasks that end with this value.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use depcache_resolve::facts::{HashAlgorithm, Metadata, MetadataError};
use depcache_resolve::{
    DirectReference, Facts, FactsError, FileHash, FileMetadata, FileSource, PackageFile, PackageFiles,
    Prefetch, Yanked,
};
use pep440_rs::VersionSpecifiers;
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use uv_distribution_filename::WheelFilename;
use uv_normalize::PackageName;
use uv_pypi_types::LenientVersionSpecifiers;

use crate::index::{Index, IndexError, IndexFile};

/// Prefetches that may wait at a time. More advice than this is dropped: the question itself will be asked.
const PREFETCH_LIMIT: usize = 400;

/// [`Facts`] over an [`Index`].
#[derive(Debug)]
pub struct IndexFacts {
    index: Index,
    runtime: Handle,
    prefetches: Mutex<JoinSet<()>>,
}

impl IndexFacts {
    /// Facts whose calls must come from a thread that may block (`spawn_blocking`).
    pub fn new(index: Index, runtime: Handle) -> Self {
        Self { index, runtime, prefetches: Mutex::new(JoinSet::new()) }
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

    fn direct(&self, package: &PackageName, reference: &DirectReference) -> Result<PackageFile, FactsError> {
        let root = std::path::Path::new(".");
        let file = crate::direct::file(&self.index, root, package, reference);
        self.runtime.block_on(file).map_err(|error| FactsError {
            step: format!("{package} cannot be taken from {reference}"),
            retryable: error.is_retryable(),
            hint: error.hint(),
            source: Some(Box::new(error)),
        })
    }

    fn metadata(&self, package: &PackageName, file: &PackageFile) -> Result<FileMetadata, FactsError> {
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

fn facts_error(step: String, error: IndexError) -> FactsError {
    FactsError { step, retryable: error.is_retryable(), hint: error.hint(), source: Some(Box::new(error)) }
}
