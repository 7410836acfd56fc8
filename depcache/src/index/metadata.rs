//! Metadata of wheels: `.metadata` beside the file, else the end of the file, else the whole file.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use domain::Digest;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};

use super::remote_wheel::{Found, METADATA_LIMIT_BYTES, Tail, read_metadata};
use super::{Index, IndexError, IndexFile, memo};

/// First ranged request: the directory and METADATA of nearly every wheel.
const TAIL_BYTES: u64 = 64 << 10;
/// After this many unpromised `.metadata` files in a row that were absent, an index is no longer asked.
const MISSES_LIMIT: u32 = 8;
/// Ranged requests for one wheel before the whole file is fetched.
const RANGES_LIMIT: u32 = 4;

impl Index {
    /// The METADATA of a wheel.
    pub async fn metadata(&self, file: &IndexFile) -> Result<Bytes, IndexError> {
        let cell = memo(&self.inner.metadata, file.url.to_string());
        cell.get_or_try_init(|| self.ask_metadata(file)).await.cloned()
    }

    async fn ask_metadata(&self, file: &IndexFile) -> Result<Bytes, IndexError> {
        if let Some(bytes) = file.sha256.as_ref().and_then(|sha256| self.inner.cache.metadata(sha256)) {
            return Ok(bytes.into());
        }
        let on_disk = file.url.scheme() == "file"
            || file.sha256.is_some_and(|sha| self.inner.cache.wheel(&sha, &file.filename).is_some());
        let bytes = if on_disk {
            self.read_whole(file).await?
        } else if self.inner.settings.offline {
            return Err(IndexError::Offline { url: file.url.to_string() });
        } else {
            match self.beside(file).await? {
                Some(bytes) => bytes,
                None => self.read_end(file).await?,
            }
        };
        if let Some(sha256) = &file.sha256 {
            self.inner.cache.put_metadata(sha256, &bytes)?;
        }
        Ok(bytes)
    }

    /// `<url>.metadata`, also where the index does not promise it: some serve it without saying so.
    async fn beside(&self, file: &IndexFile) -> Result<Option<Bytes>, IndexError> {
        let inner = &self.inner;
        let promised = file.metadata_advertised;
        let hopeless = inner.unadvertised_misses.load(Ordering::Relaxed) >= MISSES_LIMIT
            && inner.unadvertised_hits.load(Ordering::Relaxed) == 0;
        if !promised && hopeless {
            return Ok(None);
        }
        let mut url = file.url.clone();
        url.set_path(&format!("{}.metadata", url.path()));
        let answer = inner.http.get(&url, HeaderMap::new(), METADATA_LIMIT_BYTES).await;
        let answer = match answer {
            // Object stores behind an index answer 403 for what is absent.
            Err(IndexError::Denied { .. }) if !promised => None,
            Err(error) => return Err(error),
            Ok(answer) if answer.status.is_success() => Some(answer.body),
            Ok(_) => None,
        };
        if !promised {
            let seen = if answer.is_some() { &inner.unadvertised_hits } else { &inner.unadvertised_misses };
            seen.fetch_add(1, Ordering::Relaxed);
        }
        let Some(body) = answer else { return Ok(None) };
        if let Some(expected) = file.metadata_sha256 {
            let actual = Digest::of(&body);
            if actual != expected {
                let filename = format!("{}.metadata", file.filename);
                return Err(IndexError::HashMismatch { filename, expected, actual });
            }
        }
        // An HTML page with status 200 is not METADATA.
        Ok(body.starts_with(b"Metadata-Version:").then_some(body))
    }

    async fn read_end(&self, file: &IndexFile) -> Result<Bytes, IndexError> {
        let mut range = format!("bytes=-{TAIL_BYTES}");
        let mut known: Option<(u64, u64, Bytes)> = None;
        for _ in 0..RANGES_LIMIT {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            let Ok(value) = HeaderValue::from_str(&range) else { break };
            headers.insert(RANGE, value);
            let limit_bytes = file.size.unwrap_or(METADATA_LIMIT_BYTES).max(METADATA_LIMIT_BYTES);
            let answer = match self.inner.http.get(&file.url, headers, limit_bytes).await {
                Err(IndexError::TooLarge { .. } | IndexError::Status { .. }) => break,
                other => other?,
            };
            if answer.status == StatusCode::NOT_FOUND {
                return Err(IndexError::NotFound { url: file.url.to_string() });
            }
            let part = answer.headers.get(CONTENT_RANGE).and_then(|value| parse_range(value.to_str().ok()?));
            let (start, total) = match (answer.status, part) {
                (StatusCode::PARTIAL_CONTENT, Some(part)) => part,
                (StatusCode::OK, _) => (0, answer.body.len() as u64),
                _ => break,
            };
            let (start, bytes) = match known.take() {
                Some((later, _, tail)) if start + answer.body.len() as u64 == later => {
                    (start, [answer.body, tail].concat().into())
                }
                _ => (start, answer.body),
            };
            match Tail::new(total, start, bytes.clone()).metadata() {
                Found::Metadata(metadata) => return Ok(metadata.into()),
                Found::Broken(what) => {
                    return Err(IndexError::BrokenWheel { filename: file.filename.clone(), what });
                }
                Found::More(offset) => {
                    let Some(end) = start.checked_sub(1) else { break };
                    range = format!("bytes={offset}-{end}");
                    known = Some((start, total, bytes));
                }
            }
        }
        self.read_whole(file).await
    }

    async fn read_whole(&self, file: &IndexFile) -> Result<Bytes, IndexError> {
        let path = self.wheel_of(file).await?;
        let filename = file.filename.clone();
        let read = tokio::task::spawn_blocking(move || {
            let opened = std::fs::File::open(&path).map_err(|source| IndexError::Disk {
                path,
                action: "read",
                source,
            })?;
            read_metadata(std::io::BufReader::new(opened))
                .map(Bytes::from)
                .map_err(|what| IndexError::BrokenWheel { filename, what })
        });
        read.await.map_err(|_| IndexError::BrokenWheel {
            filename: file.filename.clone(),
            what: "reading it failed".into(),
        })?
    }
}

/// `bytes 5-9/10` → (5, 10).
fn parse_range(text: &str) -> Option<(u64, u64)> {
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some((range.split_once('-')?.0.parse().ok()?, total.parse().ok()?))
}
