//! From a reference to the file or tree that it names.

use depcache_resolve::HashAlgorithm;
use depcache_resolve::{DirectReference, FileSource, PackageFile, Place, Yanked};
use reqwest::Url;
use uv_distribution_filename::WheelFilename;
use uv_normalize::PackageName;

use super::source::{checkout, of_file};
use super::{DirectError, hash, located, plain};
use crate::index::{IndexFile, percent_decoded};
use crate::source::Frontend;

/// The file that a reference names, with its sha256: it is fetched or hashed for it. A tree that a wheel is to be made
/// of is called like the source distribution that it would be.
pub async fn file(
    frontend: &Frontend,
    package: &PackageName,
    reference: &DirectReference,
) -> Result<PackageFile, DirectError> {
    let subdirectory = reference.subdirectory.clone();
    let (url, source) = match &reference.place {
        Place::Url(text) => (plain(text)?.to_string(), FileSource::Url { subdirectory }),
        Place::Path { path, editable } => {
            let at = located(path)?;
            let url = Url::from_file_path(&at).map_err(|()| DirectError::Kind { path: at.clone() })?;
            let source = if at.is_dir() {
                let path = match subdirectory {
                    Some(below) => format!("{}/{below}", path.trim_end_matches('/')),
                    None => path.clone(),
                };
                FileSource::Directory { path, editable: *editable }
            } else {
                FileSource::Path { path: path.clone(), subdirectory }
            };
            (url.to_string(), source)
        }
        Place::Git { url, requested } => {
            let (commit, _) = checkout(frontend, url, requested.as_deref(), None).await?;
            let url = depcache_resolve::reference::without_credentials(url);
            let address =
                format!("git+{url}@{commit}#subdirectory={}", subdirectory.as_deref().unwrap_or("."));
            (address, FileSource::Git { url, commit, requested: requested.clone(), subdirectory })
        }
    };
    let promised = reference.hashes.iter().filter(|hash| hash.algorithm == HashAlgorithm::Sha256);
    let is_file = matches!(source, FileSource::Url { .. } | FileSource::Path { .. });
    let mut file = PackageFile {
        filename: name_in(&url),
        url,
        index: String::new(),
        hashes: promised.filter(|_| is_file).cloned().collect(),
        size_bytes: None,
        requires_python: None,
        upload_time_ms: None,
        yanked: Yanked::No,
        source,
    };
    if is_file {
        fetch(frontend, reference, &mut file).await?;
    }
    if file.filename.parse::<WheelFilename>().is_err() {
        let tree = of_file(frontend, Some(package), &file).await?;
        let known = frontend.metadata(&tree).await.map_err(|source| DirectError::Source {
            reference: reference.to_string(),
            source: Box::new(source),
        })?;
        file.filename = format!("{}-{}.tar.gz", package.as_dist_info_name(), known.version);
    }
    Ok(file)
}

/// The last part of an address.
fn name_in(url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    percent_decoded(path.rsplit('/').next().unwrap_or_default())
}

/// Fetches a wheel or an archive into the cache and keeps its hash.
async fn fetch(
    frontend: &Frontend,
    reference: &DirectReference,
    file: &mut PackageFile,
) -> Result<(), DirectError> {
    let index = frontend.index();
    let failed = |source| DirectError::Fetch { reference: reference.to_string(), source };
    let wanted = index_file(file).ok_or_else(|| DirectError::Address { reference: reference.to_string() })?;
    let digest = match wanted.sha256 {
        Some(sha256) => sha256,
        None => index.wheel_digest(&wanted).await.map_err(failed)?,
    };
    let path = index.wheel(&wanted, Some(digest)).await.map_err(failed)?;
    file.hashes = vec![hash(digest)];
    file.size_bytes = path.metadata().ok().map(|metadata| metadata.len());
    Ok(())
}

/// The file as the index client handles it; `None`: an index has to say more about it, or it is no file.
pub fn index_file(file: &PackageFile) -> Option<IndexFile> {
    if !matches!(file.source, FileSource::Url { .. } | FileSource::Path { .. }) {
        return None;
    }
    let sha256 = file.hashes.iter().find(|hash| hash.algorithm == HashAlgorithm::Sha256);
    Some(IndexFile {
        // A source distribution may have been given the name that it should have.
        filename: name_in(&file.url),
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
