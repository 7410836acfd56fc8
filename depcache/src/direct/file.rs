//! From a reference to the file that it names.

use std::path::{Path, PathBuf};

use depcache_resolve::facts::HashAlgorithm;
use depcache_resolve::{DirectReference, FileHash, FileSource, PackageFile, Place, Yanked};
use domain::Digest;
use reqwest::Url;
use uv_normalize::PackageName;

use super::{DirectError, plain};
use crate::index::{Index, IndexError, IndexFile};

/// The file that a reference names, with its sha256: it is fetched or hashed for it.
pub async fn file(
    index: &Index,
    root: &Path,
    package: &PackageName,
    reference: &DirectReference,
) -> Result<PackageFile, DirectError> {
    match &reference.place {
        Place::Url(text) => {
            let url = plain(reference, text)?;
            let source = FileSource::Url { subdirectory: reference.subdirectory.clone() };
            let promised = promised(reference);
            archive(index, reference, url, source, promised).await
        }
        Place::Path { path, .. } => {
            let at = located(root, path)?;
            if at.is_dir() {
                return Err(DirectError::Build { reference: reference.to_string() });
            }
            let url = Url::from_file_path(&at).map_err(|()| DirectError::Kind { path: at.clone() })?;
            let subdirectory = reference.subdirectory.clone();
            let source = FileSource::Path { path: path.clone(), subdirectory };
            archive(index, reference, url, source, promised(reference)).await
        }
        Place::Git { .. } => {
            let _ = package;
            Err(DirectError::Build { reference: reference.to_string() })
        }
    }
}

/// The absolute path of what lies at `path`.
pub(super) fn located(root: &Path, path: &str) -> Result<PathBuf, DirectError> {
    let joined = root.join(path);
    joined.canonicalize().map_err(|_| DirectError::Missing { path: joined })
}

fn promised(reference: &DirectReference) -> Option<Digest> {
    let sha256 = reference.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256)?;
    sha256.hex.parse().ok()
}

/// A wheel or a source archive.
async fn archive(
    index: &Index,
    reference: &DirectReference,
    url: Url,
    source: FileSource,
    promised: Option<Digest>,
) -> Result<PackageFile, DirectError> {
    let encoded = url.path_segments().and_then(|mut all| all.next_back()).unwrap_or_default().to_owned();
    let filename = crate::index::percent_decoded(&encoded);
    if Path::new(&filename).extension().is_none_or(|end| end != "whl") {
        return Err(DirectError::Build { reference: reference.to_string() });
    }
    let mut file = PackageFile {
        filename,
        url: url.to_string(),
        index: String::new(),
        hashes: promised.iter().map(|sha256| hash(*sha256)).collect(),
        size_bytes: None,
        requires_python: None,
        upload_time_ms: None,
        yanked: Yanked::No,
        source,
    };
    let failed = |source| DirectError::Fetch { reference: reference.to_string(), source };
    let wanted =
        index_file(&file).ok_or_else(|| DirectError::Address { reference: reference.to_string() })?;
    let digest = index.wheel_digest(&wanted).await.map_err(failed)?;
    let path = index.wheel(&wanted, Some(digest)).await.map_err(failed)?;
    file.hashes = vec![hash(digest)];
    file.size_bytes = path.metadata().ok().map(|metadata| metadata.len());
    Ok(file)
}

fn hash(sha256: Digest) -> FileHash {
    FileHash { algorithm: HashAlgorithm::Sha256, hex: sha256.hex() }
}

/// The file as the index client handles it; `None`: an index has to say more about it, or it has no address.
pub fn index_file(file: &PackageFile) -> Option<IndexFile> {
    if file.source == FileSource::Index {
        return None;
    }
    let sha256 = file.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256);
    Some(IndexFile {
        filename: file.filename.clone(),
        index: file.index.clone(),
        url: Url::parse(&file.url).ok()?,
        sha256: sha256.and_then(|hash| hash.hex.parse().ok()),
        size: file.size_bytes,
        upload_time: None,
        requires_python: None,
        yanked: None,
        metadata_advertised: false,
        metadata_sha256: None,
        provenance: None,
        has_only_weak_hashes: false,
    })
}

impl From<IndexError> for DirectError {
    fn from(source: IndexError) -> Self {
        Self::Fetch { reference: "what a requirement names".into(), source }
    }
}
