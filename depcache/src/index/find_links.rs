//! `--find-links`: directories with loose files, and HTML pages that link to files.

use std::sync::Arc;

use reqwest::Url;
use uv_distribution_filename::DistFilename;
use uv_normalize::PackageName;

use super::page::{Page, encode};
use super::wheel::hash_file;
use super::{Index, IndexError, IndexFile};

impl Index {
    /// Linked files of this project, a page for each place.
    pub(super) async fn linked_files(&self, name: &PackageName) -> Result<Vec<Arc<Page>>, IndexError> {
        let places = self.inner.find_links.get_or_try_init(|| self.all_linked()).await?;
        let mut pages = Vec::new();
        for (place, files) in places {
            let is_of_project =
                |file: &&IndexFile| depcache_resolve::facts::parse_filename(&file.filename, name).is_some();
            let matching: Vec<IndexFile> = files.iter().filter(is_of_project).cloned().collect();
            // An empty page is no page: most projects are not among loose files.
            if !matching.is_empty() {
                pages.extend(Page::open(place, encode(&matching, Some(name))).map(Arc::new));
            }
        }
        Ok(pages)
    }

    async fn all_linked(&self) -> Result<Vec<(String, Vec<IndexFile>)>, IndexError> {
        let mut all = Vec::new();
        for place in &self.inner.settings.find_links {
            let files = if place.scheme() == "file" {
                directory(place).await?
            } else {
                let page = self.page(place.as_str(), None, place).await?;
                page.iter()
                    .flat_map(|page| (0..page.versions().len()).flat_map(|at| page.files(at)))
                    .collect()
            };
            all.push((place.to_string(), files));
        }
        Ok(all)
    }
}

async fn directory(place: &Url) -> Result<Vec<IndexFile>, IndexError> {
    let Ok(dir) = place.to_file_path() else { return Ok(Vec::new()) };
    let read = |source| IndexError::Disk { path: dir.clone(), action: "read", source };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(read)? {
        let path = entry.map_err(read)?.path();
        let Some(filename) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if DistFilename::try_from_normalized_filename(filename).is_none() || !path.is_file() {
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
            provenance: None,
            has_only_weak_hashes: false,
        });
    }
    files.sort_by(|a, b| a.filename.cmp(&b.filename));
    Ok(files)
}
