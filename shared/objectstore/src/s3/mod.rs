//! A store in an S3 bucket.

mod client;
mod download;
mod failure;
mod upload;
mod write;

use std::ops::Range;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::builders::GetObjectFluentBuilder;
use bytes::Bytes;

use crate::{
    Cause, Condition, ETag, Error, Fetched, GET_LIMIT_BYTES, LIST_LIMIT_KEYS, Listed, Meta, Object,
    PutOutcome, Step,
};

use failure::Failure;

/// Pause before the second try of what the SDK does not retry itself; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(crate) struct Bucket {
    client: Client,
    name: String,
    /// Empty, or ends with `/`.
    prefix: String,
    exists_checked: AtomicBool,
}

impl Bucket {
    pub(crate) async fn open(bucket: String, prefix: String) -> Self {
        Self {
            client: client::from_environment().await,
            name: bucket,
            prefix,
            exists_checked: AtomicBool::new(false),
        }
    }

    pub(crate) fn open_at(
        bucket: String,
        prefix: String,
        endpoint: &str,
        access_key: &str,
        secret_key: &str,
    ) -> Self {
        Self {
            client: client::at_endpoint(endpoint, access_key, secret_key),
            name: bucket,
            prefix,
            exists_checked: AtomicBool::new(false),
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("s3://{}/{}", self.name, self.prefix).trim_end_matches('/').to_owned()
    }

    fn path(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    fn failed(&self, step: Step, key: &str, failure: Failure) -> Error {
        let Failure { cause, source, .. } = failure;
        Error::S3 { step, key: key.to_owned(), store: self.url(), cause, source }
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        match self.read(key, |request| request).await {
            Ok(object) => Ok(Some(object)),
            Err(failure) if failure.is_missing() => Ok(None),
            Err(failure) => Err(self.failed(Step::Read, key, failure)),
        }
    }

    pub(crate) async fn get_unless(&self, key: &str, known: &ETag) -> Result<Fetched, Error> {
        match self.read(key, |request| request.if_none_match(known.as_str())).await {
            Ok(object) => Ok(Fetched::Changed(object)),
            Err(failure) if failure.status == Some(304) => Ok(Fetched::Unchanged),
            Err(failure) if failure.is_missing() => Ok(Fetched::Missing),
            Err(failure) => Err(self.failed(Step::Read, key, failure)),
        }
    }

    pub(crate) async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        if range.is_empty() {
            return Ok(Bytes::new());
        }
        let header = range_header(&range);
        match self.read(key, |request| request.range(&header)).await {
            Ok(object) => Ok(object.bytes),
            // The object ends before the range begins.
            Err(failure) if failure.status == Some(416) => Ok(Bytes::new()),
            Err(failure) if failure.is_missing() => {
                Err(Error::Missing { step: Step::Read, key: key.to_owned(), store: self.url() })
            }
            Err(failure) => Err(self.failed(Step::Read, key, failure)),
        }
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<Meta>, Error> {
        let answer = self.client.head_object().bucket(&self.name).key(self.path(key)).send().await;
        let head = match answer.map_err(Failure::from) {
            Ok(head) => head,
            Err(failure) if failure.is_missing() => {
                let missing =
                    self.missing_bucket().await.map(|failure| self.failed(Step::Stat, key, failure));
                return missing.map_or(Ok(None), Err);
            }
            Err(failure) if failure.cause == Cause::Forbidden => {
                // An answer to HEAD has no body that says why; one to GET has.
                let told = self.read(key, |request| request.range("bytes=0-0")).await.err();
                return Err(self.failed(Step::Stat, key, told.unwrap_or(failure)));
            }
            Err(failure) => return Err(self.failed(Step::Stat, key, failure)),
        };
        let size_bytes = head.content_length().and_then(|size| u64::try_from(size).ok());
        match (size_bytes, head.e_tag) {
            (Some(size_bytes), Some(etag)) => Ok(Some(Meta { size_bytes, etag: ETag::new(etag) })),
            _ => Err(self.failed(Step::Stat, key, Failure::malformed("the answer lacks a size or an etag"))),
        }
    }

    /// A missing bucket looks like a missing object to HEAD: asked once, at the first miss.
    async fn missing_bucket(&self) -> Option<Failure> {
        if self.exists_checked.load(Ordering::Relaxed) {
            return None;
        }
        let failure = self.client.head_bucket().bucket(&self.name).send().await.err().map(Failure::from);
        let missing = failure.filter(|failure| failure.status == Some(404));
        // Without the permission to ask, nothing is known and nothing is claimed.
        self.exists_checked.store(missing.is_none(), Ordering::Relaxed);
        missing.map(|failure| Failure { cause: Cause::NoSuchBucket, ..failure })
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let mut found = Vec::new();
        let mut token = None;
        loop {
            let request = self.client.list_objects_v2().bucket(&self.name).prefix(self.path(prefix));
            let page = request.set_continuation_token(token).send().await;
            let page = page.map_err(|error| self.failed(Step::List, prefix, error.into()))?;
            for object in page.contents() {
                let key = object.key().and_then(|key| key.strip_prefix(self.prefix.as_str()));
                let size_bytes = object.size().and_then(|size| u64::try_from(size).ok());
                // Folder markers of consoles (`folder/`) are no objects of ours.
                let (Some(key), Some(size_bytes)) = (key, size_bytes) else { continue };
                if key.is_empty() || key.ends_with('/') {
                    continue;
                }
                if found.len() == LIST_LIMIT_KEYS {
                    let (prefix, store) = (prefix.to_owned(), self.url());
                    return Err(Error::TooManyKeys { prefix, store, limit: LIST_LIMIT_KEYS });
                }
                found.push(Listed { key: key.to_owned(), size_bytes });
            }
            token = page.next_continuation_token().map(str::to_owned);
            if token.is_none() {
                break;
            }
        }
        // S3 sorts by bytes; some compatible servers do not.
        found.sort_by(|a, b| a.key.cmp(&b.key));
        Ok(found)
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        let answer = self.client.delete_object().bucket(&self.name).key(self.path(key)).send().await;
        match answer.map_err(Failure::from) {
            Err(failure) if !failure.is_missing() => Err(self.failed(Step::Delete, key, failure)),
            _ => Ok(()),
        }
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        condition: Condition,
    ) -> Result<PutOutcome, Error> {
        write::put(self, key, bytes, &condition)
            .await
            .map_err(|failure| self.failed(Step::Write, key, failure))
    }

    pub(crate) async fn put_file(
        &self,
        key: &str,
        path: &Path,
        condition: Condition,
    ) -> Result<PutOutcome, Error> {
        upload::put_file(self, key, path, condition).await
    }

    pub(crate) async fn get_to_file(&self, key: &str, path: &Path) -> Result<Option<u64>, Error> {
        download::get_to_file(self, key, path).await
    }

    /// Reads an object or a part of it, trying again when the body breaks off (which the SDK does not).
    async fn read(
        &self,
        key: &str,
        shape: impl Fn(GetObjectFluentBuilder) -> GetObjectFluentBuilder,
    ) -> Result<Object, Failure> {
        let mut tries = Tries::new();
        loop {
            let request = shape(self.client.get_object().bucket(&self.name).key(self.path(key)));
            let answer = request.send().await?;
            let etag = answer.e_tag.ok_or_else(|| Failure::malformed("the answer lacks an etag"))?;
            let size_bytes = answer.content_length.and_then(|size| u64::try_from(size).ok());
            if size_bytes.is_some_and(|size| size > GET_LIMIT_BYTES) {
                return Err(Failure::too_large());
            }
            match answer.body.collect().await {
                Ok(body) => return Ok(Object { bytes: body.into_bytes(), etag: ETag::new(etag) }),
                Err(error) if !tries.again().await => return Err(Failure::broken_body(error)),
                Err(_) => {}
            }
        }
    }
}

/// Bounds the tries that the SDK's own policy does not cover.
#[derive(Debug)]
struct Tries {
    left: u32,
    pause: Duration,
}

impl Tries {
    fn new() -> Self {
        Self { left: client::ATTEMPTS - 1, pause: FIRST_PAUSE }
    }

    /// Waits before another try; false when there is none left.
    async fn again(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        tokio::time::sleep(self.pause).await;
        self.pause *= 2;
        true
    }
}

fn range_header(range: &Range<u64>) -> String {
    format!("bytes={}-{}", range.start, range.end - 1)
}
