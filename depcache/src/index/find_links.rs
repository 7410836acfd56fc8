//! `--find-links`: directories with loose wheels and source distributions, and HTML pages that link to files.

use reqwest::Url;
use uv_distribution_filename::{DistExtension, DistFilename};
use uv_normalize::PackageName;

use super::wheel::hash_file;
use super::{Index, IndexError, IndexFile};

impl Index {
    /// Linked files of this project.
    pub(super) async fn linked_files(&self, name: &PackageName) -> Result<Vec<IndexFile>, IndexError> {
        let all = self.inner.find_links.get_or_try_init(|| self.all_linked()).await?;
        let matches = |file: &&IndexFile| DistFilename::try_from_filename(&file.filename, name).is_some();
        Ok(all.iter().filter(matches).cloned().collect())
    }

    async fn all_linked(&self) -> Result<Vec<IndexFile>, IndexError> {
        let mut files = Vec::new();
        for place in &self.inner.settings.find_links {
            if place.scheme() == "file" {
                files.extend(directory(place).await?);
            } else {
                files.extend(self.page(place.as_str(), place).await?.unwrap_or_default());
            }
        }
        Ok(files)
    }
}

async fn directory(place: &Url) -> Result<Vec<IndexFile>, IndexError> {
    let Ok(dir) = place.to_file_path() else { return Ok(Vec::new()) };
    let read = |source| IndexError::Disk { path: dir.clone(), action: "read", source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let Some(filename) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if DistExtension::from_path(filename).is_err() {
            continue;
        }
        let Ok(url) = Url::from_file_path(&path) else { continue };
        files.push(IndexFile {
            filename: filename.to_owned(),
            index: place.to_string(),
            url,
            sha256: Some(hash_file(path.clone()).await?),
            size: path.metadata().ok().map(|meta| meta.len()),
            upload_time: None,
            requires_python: None,
            yanked: None,
            metadata_advertised: false,
            metadata_sha256: None,
        });
    }
    files.sort_by(|a, b| a.filename.cmp(&b.filename));
    Ok(files)
}
