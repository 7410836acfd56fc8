//! All files of one project, from all indexes that may answer for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use depcache_resolve::PackageFile;
use pep440_rs::Version;
use uv_normalize::PackageName;

use super::IndexFile;
use super::page::Page;

/// Files of a project by version.
#[derive(Debug, Default)]
pub struct ProjectFiles {
    is_known: bool,
    pages: Vec<Arc<Page>>,
    /// Set where several pages have files: versions, and where in which page their files are.
    merged: Option<(Vec<Version>, Vec<Places>)>,
}

/// Positions in pages: `(page, version)`.
type Places = Vec<(usize, usize)>;

impl ProjectFiles {
    pub(super) fn new(mut pages: Vec<Arc<Page>>) -> Self {
        let is_known = !pages.is_empty();
        pages.retain(|page| !page.versions().is_empty());
        if pages.len() < 2 {
            return Self { is_known, pages, merged: None };
        }
        let mut by_version: BTreeMap<Version, Places> = BTreeMap::new();
        for (number, page) in pages.iter().enumerate() {
            for (position, version) in page.versions().iter().enumerate() {
                by_version.entry(version.clone()).or_default().push((number, position));
            }
        }
        Self { is_known, pages, merged: Some(by_version.into_iter().unzip()) }
    }

    /// Whether an index, or a place with loose files, has the project; perhaps without a usable file.
    pub fn is_known(&self) -> bool {
        self.is_known
    }

    /// All versions, ascending.
    pub fn versions(&self) -> &[Version] {
        match &self.merged {
            Some((versions, _)) => versions,
            None => self.pages.first().map_or(&[], |page| page.versions()),
        }
    }

    /// Files of the version at this position.
    pub fn at(&self, position: usize) -> Vec<IndexFile> {
        match &self.merged {
            Some((_, places)) => {
                let places = places.get(position).map_or(&[][..], Vec::as_slice);
                places.iter().flat_map(|(page, position)| self.pages[*page].files(*position)).collect()
            }
            None => self.pages.first().map(|page| page.files(position)).unwrap_or_default(),
        }
    }

    /// The same as the resolver sees them.
    pub(crate) fn package_files(&self, position: usize) -> Vec<PackageFile> {
        match &self.merged {
            Some((_, places)) => {
                let places = places.get(position).map_or(&[][..], Vec::as_slice);
                places
                    .iter()
                    .flat_map(|(page, position)| self.pages[*page].package_files(*position))
                    .collect()
            }
            None => self.pages.first().map(|page| page.package_files(position)).unwrap_or_default(),
        }
    }

    /// Files of this name, which is one of `project`'s; of several indexes there may be several.
    pub fn named(&self, project: &PackageName, filename: &str) -> Vec<IndexFile> {
        let position = depcache_resolve::facts::parse_filename(filename, project)
            .and_then(|parsed| self.versions().binary_search(parsed.version()).ok());
        let mut files = position.map(|position| self.at(position)).unwrap_or_default();
        files.retain(|file| file.filename == filename);
        files
    }

    /// Every file.
    pub fn all(&self) -> impl Iterator<Item = IndexFile> {
        (0..self.versions().len()).flat_map(|position| self.at(position))
    }
}
