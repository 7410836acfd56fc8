//! A store in a directory: for one machine, air-gapped sites and tests.

mod files;
mod listing;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::task;

use crate::temp_file::TempFile;
use crate::{Condition, ETag, Error, Fetched, LIST_LIMIT_KEYS, Listed, Meta, Object, PutOutcome, Step};

use files::Content;
use listing::Listing;

#[derive(Debug)]
pub(crate) struct Directory {
    root: PathBuf,
}

impl Directory {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(crate) fn url(&self) -> String {
        format!("file://{}", self.root.display())
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Object>, Error> {
        self.run(Step::Read, key, files::read).await
    }

    pub(crate) async fn get_unless(&self, key: &str, known: &ETag) -> Result<Fetched, Error> {
        Ok(match self.get(key).await? {
            None => Fetched::Missing,
            Some(object) if object.etag == *known => Fetched::Unchanged,
            Some(object) => Fetched::Changed(object),
        })
    }

    pub(crate) async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, Error> {
        let bytes =
            self.run(Step::Read, key, move |path| files::read_range(path, range.start, range.end)).await?;
        bytes.map(Bytes::from).ok_or_else(|| Error::Missing {
            step: Step::Read,
            key: key.to_owned(),
            store: self.url(),
        })
    }

    pub(crate) async fn head(&self, key: &str) -> Result<Option<Meta>, Error> {
        self.run(Step::Stat, key, files::stat).await
    }

    pub(crate) async fn put(
        &self,
        key: &str,
        bytes: Bytes,
        condition: Condition,
    ) -> Result<PutOutcome, Error> {
        self.run(Step::Write, key, move |path| files::write(path, Content::Bytes(&bytes), &condition)).await
    }

    pub(crate) async fn put_file(
        &self,
        key: &str,
        path: &Path,
        condition: Condition,
    ) -> Result<PutOutcome, Error> {
        let mut source = File::open(path).map_err(|source| Error::LocalFile {
            step: Step::Write,
            key: key.to_owned(),
            path: path.to_owned(),
            source,
        })?;
        self.run(Step::Write, key, move |path| files::write(path, Content::File(&mut source), &condition))
            .await
    }

    pub(crate) async fn get_to_file(&self, key: &str, path: &Path) -> Result<Option<u64>, Error> {
        let Some((mut source, _)) = self.run(Step::Download, key, files::open).await? else {
            return Ok(None);
        };
        let target = path.to_owned();
        let copied = task::spawn_blocking(move || {
            let temp = TempFile::beside(&target)?;
            let size_bytes = io::copy(&mut source, &mut temp.file())?;
            temp.sync()?;
            temp.rename()?;
            Ok(size_bytes)
        })
        .await
        .unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        copied.map(Some).map_err(|source| Error::LocalFile {
            step: Step::Download,
            key: key.to_owned(),
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) async fn list(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let (root, wanted) = (self.root.clone(), prefix.to_owned());
        let listing = task::spawn_blocking(move || listing::list(&root, &wanted))
            .await
            .unwrap_or_else(|panicked| Err(io::Error::other(panicked)));
        match listing.map_err(|source| self.failed(Step::List, prefix, source))? {
            Listing::Complete(keys) => Ok(keys),
            Listing::TooMany => Err(Error::TooManyKeys {
                prefix: prefix.to_owned(),
                store: self.url(),
                limit: LIST_LIMIT_KEYS,
            }),
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), Error> {
        self.run(Step::Delete, key, files::delete).await
    }

    /// Runs a blocking operation on the key's path off the async threads.
    async fn run<T, F>(&self, step: Step, key: &str, operation: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&Path) -> io::Result<T> + Send + 'static,
    {
        let path = self.root.join(key);
        task::spawn_blocking(move || operation(&path))
            .await
            .unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
            .map_err(|source| self.failed(step, key, source))
    }

    fn failed(&self, step: Step, key: &str, source: io::Error) -> Error {
        Error::Directory { step, key: key.to_owned(), store: self.url(), source }
    }
}
