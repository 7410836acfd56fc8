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
use super::{Index, IndexError, IndexFile, Strategy, memo, simple};

/// Lifetime of a page whose answer names none: what the public index declares for its own.
const DEFAULT_LIFETIME_S: u64 = 600;
/// Largest page; the largest public ones have about 30 MB.
const PAGE_LIMIT_BYTES: u64 = 256 << 20;

impl Index {
    /// Files of a project, in no particular order; empty when no index has it.
    ///
    /// Asked once per process and project: within one resolution the answer does not change.
    pub async fn files(&self, name: &PackageName) -> Result<Arc<Vec<IndexFile>>, IndexError> {
        let cell = memo(&self.inner.pages, name.to_string());
        cell.get_or_try_init(|| self.ask_all(name)).await.map(Arc::clone)
    }

    async fn ask_all(&self, name: &PackageName) -> Result<Arc<Vec<IndexFile>>, IndexError> {
        let mut files = self.linked_files(name).await?;
        let settings = &self.inner.settings;
        for index in &settings.indexes {
            let url = project_url(&index.url, name);
            let Some(found) = self.page(index.url.as_str(), &url).await? else { continue };
            files.extend(found);
            if settings.strategy == Strategy::FirstIndex {
                break;
            }
        }
        Ok(Arc::new(files))
    }

    /// The page at `url` of `index`; absent for 404.
    pub(super) async fn page(&self, index: &str, url: &Url) -> Result<Option<Vec<IndexFile>>, IndexError> {
        let cache = &self.inner.cache;
        let stored = cache.page(url.as_str());
        let parse = |content_type: &str, body: &[u8]| {
            simple::parse(index, url, content_type, body)
                .map_err(|what| IndexError::Malformed { url: url.to_string(), what })
        };
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static(simple::ACCEPT));
        if let Some((page, body)) = &stored {
            if self.inner.settings.offline || now_s() < page.fresh_until_s {
                return parse(&page.content_type, body).map(Some);
            }
            let conditions = [(IF_NONE_MATCH, &page.etag), (IF_MODIFIED_SINCE, &page.last_modified)];
            for (header, value) in conditions {
                if let Some(value) = value.as_deref().and_then(|text| HeaderValue::from_str(text).ok()) {
                    headers.insert(header, value);
                }
            }
        }
        if self.inner.settings.offline {
            return Err(IndexError::Offline { url: url.to_string() });
        }
        let answer = self.inner.http.get(url, headers, PAGE_LIMIT_BYTES).await?;
        let header = |name| answer.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
        let lifetime = lifetime(header(CACHE_CONTROL), DEFAULT_LIFETIME_S);
        let fresh_until_s = now_s() + lifetime.as_secs();
        match (answer.status, stored) {
            (StatusCode::NOT_FOUND, _) => Ok(None),
            (StatusCode::NOT_MODIFIED, Some((page, body))) => {
                let files = parse(&page.content_type, &body)?;
                cache.put_page(&StoredPage { fresh_until_s, ..page }, &body)?;
                Ok(Some(files))
            }
            (status, _) if status.is_success() => {
                let page = StoredPage {
                    url: url.to_string(),
                    content_type: header(CONTENT_TYPE).unwrap_or_default().to_owned(),
                    etag: header(ETAG).map(ToOwned::to_owned),
                    last_modified: header(LAST_MODIFIED).map(ToOwned::to_owned),
                    fresh_until_s,
                };
                let files = parse(&page.content_type, &answer.body)?;
                cache.put_page(&page, &answer.body)?;
                Ok(Some(files))
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
