//! Project pages: which files of a project the indexes offer.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED,
};
use reqwest::{StatusCode, Url};
use uv_normalize::PackageName;

use super::cache::{StoredPage, lifetime};
use super::page::{Page, encode};
use super::{Index, IndexError, ProjectFiles, Strategy, memo, simple};

/// Lifetime of a page whose answer names none: what the public index declares for its own.
const DEFAULT_LIFETIME_S: u64 = 600;
/// The same for "there is no such project": somebody may be about to publish it.
const ABSENT_LIFETIME_S: u64 = 60;
/// Largest page, unpacked; the largest public ones have about 30 MB.
const PAGE_LIMIT_BYTES: u64 = 64 << 20;

impl Index {
    /// Files of a project; empty when no index has it.
    ///
    /// Asked once per process and project: within one resolution the answer does not change.
    pub async fn files(&self, name: &PackageName) -> Result<Arc<ProjectFiles>, IndexError> {
        let cell = memo(&self.inner.pages, name.to_string());
        cell.get_or_try_init(|| self.ask_all(name)).await.map(Arc::clone)
    }

    /// Whether [`Self::files`] would answer at once.
    pub fn has_files(&self, name: &PackageName) -> bool {
        memo(&self.inner.pages, name.to_string()).initialized()
    }

    async fn ask_all(&self, name: &PackageName) -> Result<Arc<ProjectFiles>, IndexError> {
        let mut pages = self.linked_files(name).await?;
        let settings = &self.inner.settings;
        for index in settings.indexes_of(name) {
            let url = project_url(&index.url, name);
            let Some(page) = self.page(index.url.as_str(), Some(name), &url).await? else { continue };
            pages.push(Arc::new(page));
            if settings.strategy == Strategy::FirstIndex {
                break;
            }
        }
        Ok(Arc::new(ProjectFiles::new(pages)))
    }

    /// The page at `url` of `index`, of `project` or (find-links) of whatever it links to; absent for 404.
    pub(super) async fn page(
        &self,
        index: &str,
        project: Option<&PackageName>,
        url: &Url,
    ) -> Result<Option<Page>, IndexError> {
        let (cache, offline) = (&self.inner.cache, self.inner.settings.offline);
        let stored =
            cache.page(url.as_str()).and_then(|(stored, body)| Some((stored, Page::open(index, body)?)));
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(simple::ACCEPT));
        let stored = match stored {
            Some((stored, page)) if offline || now_s() < stored.fresh_until_s => {
                return Ok((!stored.is_absent).then_some(page));
            }
            stored => stored,
        };
        if offline {
            return Err(IndexError::Offline { url: url.to_string() });
        }
        if let Some((stored, _)) = &stored {
            let conditions = [(IF_NONE_MATCH, &stored.etag), (IF_MODIFIED_SINCE, &stored.last_modified)];
            for (header, value) in conditions {
                if let Some(value) = value.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                    headers.insert(header, value);
                }
            }
        }
        let answer = self.inner.http.get(url, headers, PAGE_LIMIT_BYTES).await?;
        let header = |name| answer.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        let is_absent = answer.status == StatusCode::NOT_FOUND;
        let default_s = if is_absent { ABSENT_LIFETIME_S } else { DEFAULT_LIFETIME_S };
        let lifetime = lifetime(header(CACHE_CONTROL), default_s);
        let fresh_until_s = now_s().saturating_add(lifetime.fresh.as_secs());
        match (answer.status, stored) {
            (StatusCode::NOT_MODIFIED, Some((stored, page))) => {
                let was_absent = stored.is_absent;
                cache.renew_page(&StoredPage { fresh_until_s, ..stored })?;
                Ok((!was_absent).then_some(page))
            }
            (status, _) if status.is_success() || is_absent => {
                let body = if is_absent {
                    encode(&[], project)
                } else {
                    let content_type = header(CONTENT_TYPE).unwrap_or_default();
                    let files = simple::parse(index, project, url, content_type, &answer.body)
                        .map_err(|source| IndexError::Page { url: url.to_string(), source })?;
                    encode(&files, project)
                };
                if !lifetime.is_private {
                    let stored = StoredPage {
                        url: url.to_string(),
                        etag: header(ETAG).map(ToOwned::to_owned),
                        last_modified: header(LAST_MODIFIED).map(ToOwned::to_owned),
                        fresh_until_s,
                        is_absent,
                    };
                    cache.put_page(&stored, &body)?;
                }
                Ok(Page::open(index, body).filter(|_| !is_absent))
            }
            (status, _) => Err(IndexError::Status { url: url.to_string(), status: status.as_u16() }),
        }
    }
}

fn project_url(index: &Url, name: &PackageName) -> Url {
    let mut url = index.clone();
    let path = format!("{}/{name}/", index.path().trim_end_matches('/'));
    url.set_path(&path);
    url
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
