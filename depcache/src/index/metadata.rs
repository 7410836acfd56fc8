//! Metadata of wheels: `.metadata` beside the file, else the end of the file, else the whole file.

use std::sync::Arc;

use bytes::Bytes;
use domain::Digest;
use reqwest::StatusCode;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, HeaderMap, HeaderValue, RANGE};

use super::remote_wheel::{Found, METADATA_LIMIT_BYTES, Need, Parts, read_metadata};
use super::{Index, IndexError, IndexFile, memo};

/// First ranged request: the directory and METADATA of nearly every wheel.
const TAIL_BYTES: u64 = 32 << 10;
/// Ranged requests for one wheel before the whole file is fetched.
const RANGES_LIMIT: u32 = 4;

/// What of a wheel's METADATA is kept: descriptions are a hundred times as long as what decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoreMetadata {
    /// All header fields, up to and with the empty line.
    pub headers: Bytes,
    /// sha256 of the whole METADATA, as the wheel has it.
    pub sha256: Digest,
}

impl CoreMetadata {
    /// Of a whole METADATA file.
    pub fn of(whole: &[u8]) -> Self {
        let ends = |end: &[u8]| whole.windows(end.len()).position(|window| window == end);
        let length = match (ends(b"\n\n"), ends(b"\n\r\n")) {
            (Some(unix), Some(dos)) => unix.min(dos),
            (unix, dos) => unix.or(dos).unwrap_or(whole.len()),
        };
        let headers = [whole[..length].trim_ascii_end(), b"\n\n"].concat();
        Self { headers: headers.into(), sha256: Digest::of(whole) }
    }
}

impl Index {
    /// The METADATA of a wheel.
    pub async fn metadata(&self, file: &IndexFile) -> Result<Arc<CoreMetadata>, IndexError> {
        let cell = memo(&self.inner.metadata, file.url.to_string());
        cell.get_or_try_init(|| self.ask_metadata(file)).await.map(Arc::clone)
    }

    /// The METADATA of the wheel at `url`, when it, or one with this hash, was asked for before.
    pub(crate) fn metadata_at_hand(&self, url: &str, sha256: Option<&Digest>) -> Option<Arc<CoreMetadata>> {
        let cell = memo(&self.inner.metadata, url.to_owned());
        if let Some(known) = cell.get() {
            return Some(Arc::clone(known));
        }
        let known = Arc::new(self.inner.cache.metadata(sha256?)?);
        // Whoever was faster read the same.
        cell.set(Arc::clone(&known)).ok();
        Some(known)
    }

    /// The METADATA of the wheel of this hash, when it is on disk.
    pub(crate) fn known_metadata(&self, sha256: &Digest) -> Option<CoreMetadata> {
        self.inner.cache.metadata(sha256)
    }

    /// Whether METADATA of a wheel with this hash is on disk, as far as can be told without reading it.
    pub(crate) fn has_metadata(&self, sha256: &Digest) -> bool {
        self.inner.cache.has_metadata(sha256)
    }

    async fn ask_metadata(&self, file: &IndexFile) -> Result<Arc<CoreMetadata>, IndexError> {
        if let Some(known) = file.sha256.as_ref().and_then(|sha256| self.inner.cache.metadata(sha256)) {
            return Ok(Arc::new(known));
        }
        if file.has_only_weak_hashes {
            return Err(IndexError::WeakHash { filename: file.filename.clone() });
        }
        let on_disk = file.url.scheme() == "file"
            || file.sha256.is_some_and(|sha| self.inner.cache.wheel(&sha, &file.filename).is_some());
        let whole = if on_disk {
            self.read_whole(file).await?
        } else if self.inner.settings.offline {
            return Err(IndexError::Offline { url: file.url.to_string() });
        } else {
            match self.beside(file).await? {
                Some(bytes) => bytes,
                None => self.read_end(file).await?,
            }
        };
        let metadata = CoreMetadata::of(&whole);
        if let Some(sha256) = &file.sha256 {
            self.inner.cache.put_metadata(sha256, &metadata)?;
        }
        Ok(Arc::new(metadata))
    }

    /// `<url>.metadata`, where the index promises it (PEP 658). Elsewhere it is not tried: to learn that a file is
    /// absent can take an index a hundred times as long as a part of one that is there.
    async fn beside(&self, file: &IndexFile) -> Result<Option<Bytes>, IndexError> {
        if !file.metadata_advertised {
            return Ok(None);
        }
        let mut url = file.url.clone();
        url.set_path(&format!("{}.metadata", url.path()));
        let answer = self.inner.http.get(&url, HeaderMap::new(), METADATA_LIMIT_BYTES).await?;
        if !answer.status.is_success() {
            return Ok(None);
        }
        let body = answer.body;
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
        if self.inner.refuses_ranges(&file.url) {
            return self.read_whole(file).await;
        }
        let mut range = format!("bytes=-{TAIL_BYTES}");
        let mut asked_bytes = TAIL_BYTES;
        let mut parts: Option<Parts> = None;
        for _ in 0..RANGES_LIMIT {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
            let Ok(value) = HeaderValue::from_str(&range) else { break };
            headers.insert(RANGE, value);
            // A whole file instead of a part is not read into memory: `read_whole` keeps it on disk.
            let answer = match self.inner.http.get(&file.url, headers, METADATA_LIMIT_BYTES).await {
                Err(IndexError::TooLarge { .. }) => {
                    self.inner.forget_ranges(&file.url);
                    break;
                }
                Err(IndexError::Status { .. }) => break,
                other => other?,
            };
            if answer.status == StatusCode::NOT_FOUND {
                return Err(IndexError::NotFound { url: file.url.to_string() });
            }
            let part = answer.headers.get(CONTENT_RANGE).and_then(|value| parse_range(value.to_str().ok()?));
            let length = answer.body.len() as u64;
            let (start, total) = match (answer.status, part) {
                (StatusCode::PARTIAL_CONTENT, Some(part)) => part,
                (StatusCode::OK, _) => {
                    // A file that is smaller than the part may be sent as a whole (RFC 9110, 14.1.2).
                    if length > asked_bytes {
                        self.inner.forget_ranges(&file.url);
                    }
                    (0, length)
                }
                _ => break,
            };
            let parts = parts.get_or_insert_with(|| Parts::of(total));
            parts.add(start, answer.body);
            let needed = match parts.metadata() {
                Found::Metadata(metadata) => return Ok(metadata.into()),
                Found::Broken(what) => {
                    return Err(IndexError::BrokenWheel { filename: file.filename.clone(), what });
                }
                Found::More(Need::Directory(needed)) => needed,
                Found::More(Need::Member(hole)) => {
                    hole.start..hole.end.min(hole.start + asked_bytes.max(TAIL_BYTES) * 2)
                }
            };
            asked_bytes = needed.end.saturating_sub(needed.start);
            if asked_bytes == 0 || asked_bytes > METADATA_LIMIT_BYTES {
                break;
            }
            range = format!("bytes={}-{}", needed.start, needed.end - 1);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_are_kept_and_the_whole_is_vouched_for() {
        for whole in ["Name: a\nVersion: 1\n\nlong\n\ntext", "Name: a\r\nVersion: 1\r\n\r\nlong"] {
            let kept = CoreMetadata::of(whole.as_bytes());
            let text = std::str::from_utf8(&kept.headers).unwrap().replace('\r', "");
            assert_eq!(
                (text.as_str(), kept.sha256),
                ("Name: a\nVersion: 1\n\n", Digest::of(whole.as_bytes()))
            );
        }
        assert_eq!(&CoreMetadata::of(b"Name: a").headers[..], b"Name: a\n\n");
    }
}
