//! Copying an object to a local file by parallel ranges of one version.

use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task;

use super::failure::Failure;
use super::{Bucket, range_header};
use crate::temp_file::TempFile;
use crate::{ETag, Error, Step};

/// Size of a range: large enough that requests do not dominate, small enough to fill the line evenly.
const RANGE_BYTES: u64 = 8 << 20;

/// Ranges in flight: one connection rarely fills the line. Bounds memory to this many ranges.
const PARALLEL_RANGES: usize = 8;

pub(super) async fn get_to_file(bucket: &Bucket, key: &str, path: &Path) -> Result<Option<u64>, Error> {
    let failed = |failure| bucket.failed(Step::Download, key, failure);
    let local = |source| Error::LocalFile {
        step: Step::Download,
        key: key.to_owned(),
        path: path.to_owned(),
        source,
    };
    // HEAD before ranges: it tells the size and pins the version in one cheap answer.
    let Some(meta) = bucket.head(key).await? else { return Ok(None) };
    let target = path.to_owned();
    let temp = blocking(move || TempFile::beside(&target)).await.map_err(local)?;
    let temp = Arc::new(temp);
    let ranges = stream::iter((0..meta.size_bytes.div_ceil(RANGE_BYTES)).map(|index| {
        let start = index * RANGE_BYTES;
        start..meta.size_bytes.min(start + RANGE_BYTES)
    }));
    let (etag, temp_ref) = (&meta.etag, &temp);
    ranges
        .map(|range| async move {
            let start = range.start;
            let bytes = read_range(bucket, key, range, etag).await.map_err(failed)?;
            let temp = Arc::clone(temp_ref);
            blocking(move || temp.file().write_all_at(&bytes, start)).await.map_err(local)
        })
        .buffer_unordered(PARALLEL_RANGES)
        .try_collect::<()>()
        .await?;
    let temp = Arc::into_inner(temp).ok_or_else(|| local(io::ErrorKind::ResourceBusy.into()))?;
    blocking(move || {
        temp.sync()?;
        temp.rename()
    })
    .await
    .map_err(local)?;
    Ok(Some(meta.size_bytes))
}

async fn read_range(bucket: &Bucket, key: &str, range: Range<u64>, etag: &ETag) -> Result<Bytes, Failure> {
    let header = range_header(&range);
    let bytes = bucket.read(key, |request| request.range(&header).if_match(etag.as_str())).await?.bytes;
    if bytes.len() as u64 == range.end - range.start {
        Ok(bytes)
    } else {
        Err(Failure::malformed("the answer is not the range that was asked for"))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    task::spawn_blocking(work).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}
