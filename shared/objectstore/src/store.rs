use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use crate::directory::Directory;
use crate::key::{self, Address};
use crate::s3::Bucket;
use crate::{Condition, ETag, Error, Fetched, Listed, Meta, Object, PutOutcome};

/// An object store below one address. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Store {
    backend: Backend,
}

#[derive(Debug, Clone)]
enum Backend {
    Directory(Arc<Directory>),
    S3(Arc<Bucket>),
}

/// Runs one operation on whichever backend this is.
macro_rules! on {
    ($store:expr, $backend:ident => $call:expr) => {
        match &$store.backend {
            Backend::Directory($backend) => $call,
            Backend::S3($backend) => $call,
        }
    };
}

impl Store {
    /// Opens `s3://bucket/prefix` (endpoint, region and credentials by AWS's standard variables; path
    /// style when an endpoint is set) or `file:///directory` (created at the first write).
    ///
    /// Nothing is requested yet: a wrong address fails here, a wrong credential at the first use.
    pub async fn open(url: &str) -> Result<Self, Error> {
        let backend = match key::parse_address(url)? {
            Address::Directory(root) => Backend::Directory(Arc::new(Directory::new(root))),
            Address::S3 { bucket, prefix } => Backend::S3(Arc::new(Bucket::open(bucket, prefix).await)),
        };
        Ok(Self { backend })
    }

    /// The S3 store at an explicit endpoint with explicit credentials (tests, tools): nothing is read
    /// from the environment.
    pub fn open_s3_at(url: &str, endpoint: &str, access_key: &str, secret_key: &str) -> Result<Self, Error> {
        let Address::S3 { bucket, prefix } = key::parse_address(url)? else {
            return Err(Error::Address { url: url.to_owned(), problem: "an endpoint goes with s3:// only" });
        };
        let bucket = Bucket::open_at(bucket, prefix, endpoint, access_key, secret_key);
        Ok(Self { backend: Backend::S3(Arc::new(bucket)) })
    }

    /// The address, for messages.
    pub fn url(&self) -> String {
        on!(self, backend => backend.url())
    }

    /// The whole object, at most [`GET_LIMIT_BYTES`](crate::GET_LIMIT_BYTES); `None` when it does not exist.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        key::check(key)?;
        on!(self, backend => backend.get(key).await)
    }

    /// The whole object unless it still is the version `known`.
    pub async fn get_unless(&self, key: &str, known: &ETag) -> Result<Fetched, Error> {
        key::check(key)?;
        on!(self, backend => backend.get_unless(key, known).await)
    }

    /// Bytes `range` of an object that must exist; fewer (or none) where the object ends earlier.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        key::check(key)?;
        on!(self, backend => backend.get_range(key, range).await)
    }

    /// Size and version; `None` when the object does not exist.
    pub async fn head(&self, key: &str) -> Result<Option<Meta>, Error> {
        key::check(key)?;
        on!(self, backend => backend.head(key).await)
    }

    /// Writes an object whole or not at all.
    ///
    /// When an answer was lost and the retry finds exactly these bytes, the write counts as
    /// [`PutOutcome::Written`]: content that only its writer can write (a holder's name, a nonce)
    /// tells two writers apart.
    pub async fn put(&self, key: &str, bytes: Bytes, condition: Condition) -> Result<PutOutcome, Error> {
        key::check(key)?;
        on!(self, backend => backend.put(key, bytes, condition).await)
    }

    /// Writes a local file as an object; on S3 in parallel parts above
    /// [`MULTIPART_THRESHOLD_BYTES`](crate::MULTIPART_THRESHOLD_BYTES). The file must not change meanwhile.
    pub async fn put_file(&self, key: &str, path: &Path, condition: Condition) -> Result<PutOutcome, Error> {
        key::check(key)?;
        on!(self, backend => backend.put_file(key, path, condition).await)
    }

    /// Copies an object to a local file (temporary file beside it, then renamed; on S3 by parallel
    /// ranges of one version) and answers its size; `None` when it does not exist.
    pub async fn get_to_file(&self, key: &str, path: &Path) -> Result<Option<u64>, Error> {
        key::check(key)?;
        on!(self, backend => backend.get_to_file(key, path).await)
    }

    /// All keys that start with `prefix` (any text, not only whole segments), sorted by their bytes.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        on!(self, backend => backend.list(prefix).await)
    }

    /// Deletes an object; fine when it does not exist.
    pub async fn delete(&self, key: &str) -> Result<(), Error> {
        key::check(key)?;
        on!(self, backend => backend.delete(key).await)
    }
}
