//! Texts at addresses: requirements and constraints files as Airflow publishes them.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::{
    CACHE_CONTROL, ETAG, HeaderMap, HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED,
};
use reqwest::{StatusCode, Url};

use super::cache::{StoredPage, lifetime};
use super::{Index, IndexError};

/// Lifetime of an answer that names none: long enough for one command after another, short enough for an edit.
const DEFAULT_LIFETIME_S: u64 = 60;

impl Index {
    /// The text at `url`, through the cache as HTTP allows. At most `limit_bytes`.
    pub async fn document(&self, url: &Url, limit_bytes: u64) -> Result<Bytes, IndexError> {
        let cache = &self.inner.cache;
        // No project page: those are kept in another form.
        let key = format!("text {url}");
        let stored = cache.page(&key);
        let mut headers = HeaderMap::new();
        if let Some((page, body)) = &stored {
            if self.inner.settings.offline || now_s() < page.fresh_until_s {
                return Ok(body.clone().into());
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
        let answer = self.inner.http.get(url, headers, limit_bytes).await?;
        let header = |name| {
            answer.headers.get(name).and_then(|v: &HeaderValue| v.to_str().ok()).map(ToOwned::to_owned)
        };
        let cache_control = header(CACHE_CONTROL);
        let lifetime = lifetime(cache_control.as_deref(), DEFAULT_LIFETIME_S);
        let fresh_until_s = now_s().saturating_add(lifetime.fresh.as_secs());
        match (answer.status, stored) {
            (StatusCode::NOT_MODIFIED, Some((page, body))) => {
                cache.put_page(&StoredPage { fresh_until_s, ..page }, &body)?;
                Ok(body.into())
            }
            (status, _) if status.is_success() => {
                let page = StoredPage {
                    url: key,
                    etag: header(ETAG),
                    last_modified: header(LAST_MODIFIED),
                    fresh_until_s,
                    is_absent: false,
                };
                if !lifetime.is_private {
                    cache.put_page(&page, &answer.body)?;
                }
                Ok(answer.body)
            }
            (StatusCode::NOT_FOUND, _) => Err(IndexError::NotFound { url: url.to_string() }),
            (status, _) => Err(IndexError::Status { url: url.to_string(), status: status.as_u16() }),
        }
    }
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
