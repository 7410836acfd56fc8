//! Writing a local file, in parallel parts when it is large.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use futures::stream::{self, StreamExt, TryStreamExt};
use tokio::task;

use super::Bucket;
use super::failure::Failure;
use crate::{Condition, ETag, Error, MULTIPART_THRESHOLD_BYTES, PutOutcome, Step};

/// Size of a part unless the file would need too many: few requests, quick to repeat.
const PART_BYTES: u64 = 8 << 20;

/// S3's limit.
const PARTS_LIMIT: u64 = 10_000;

/// Parts in flight: bounds memory to this many parts.
const PARALLEL_PARTS: usize = 4;

pub(super) async fn put_file(
    bucket: &Bucket,
    key: &str,
    path: &Path,
    condition: Condition,
) -> Result<PutOutcome, Error> {
    let local =
        |source| Error::LocalFile { step: Step::Upload, key: key.to_owned(), path: path.to_owned(), source };
    let file = File::open(path).map_err(local)?;
    let size_bytes = file.metadata().map_err(local)?.len();
    let file = Arc::new(file);
    if size_bytes <= MULTIPART_THRESHOLD_BYTES {
        let bytes = read_part(file, 0, size_bytes).await.map_err(local)?;
        return bucket.put(key, bytes, condition).await;
    }
    // Spares the transfer of what is there; the condition on completion stays the judge.
    if condition == Condition::Absent && bucket.head(key).await?.is_some() {
        return Ok(PutOutcome::Refused);
    }
    let upload = Upload::begin(bucket, key).await?;
    let outcome = match upload.send_parts(file, size_bytes, path).await {
        Ok(parts) => upload.complete(parts, size_bytes, &condition).await,
        Err(error) => Err(error),
    };
    if !matches!(outcome, Ok(PutOutcome::Written(_))) {
        upload.abort().await;
    }
    outcome
}

/// A multipart upload that has begun.
struct Upload<'a> {
    bucket: &'a Bucket,
    key: &'a str,
    id: String,
}

impl<'a> Upload<'a> {
    async fn begin(bucket: &'a Bucket, key: &'a str) -> Result<Self, Error> {
        let request = bucket.client.create_multipart_upload().bucket(&bucket.name).key(bucket.path(key));
        let failed = |failure| bucket.failed(Step::Upload, key, failure);
        let answer = request.send().await.map_err(|error| failed(error.into()))?;
        let id =
            answer.upload_id.ok_or_else(|| failed(Failure::malformed("the answer lacks an upload id")))?;
        Ok(Self { bucket, key, id })
    }

    async fn send_parts(
        &self,
        file: Arc<File>,
        size_bytes: u64,
        path: &Path,
    ) -> Result<Vec<CompletedPart>, Error> {
        let part_bytes = part_size(size_bytes);
        let mut parts: Vec<CompletedPart> = stream::iter(0..size_bytes.div_ceil(part_bytes))
            .map(|index| {
                let (start, file) = (index * part_bytes, Arc::clone(&file));
                async move {
                    let length = part_bytes.min(size_bytes - start);
                    let bytes = read_part(file, start, length).await.map_err(|source| Error::LocalFile {
                        step: Step::Upload,
                        key: self.key.to_owned(),
                        path: path.to_owned(),
                        source,
                    })?;
                    self.send_part(index, bytes).await.map_err(|failure| self.failed(failure))
                }
            })
            .buffer_unordered(PARALLEL_PARTS)
            .try_collect()
            .await?;
        parts.sort_by_key(CompletedPart::part_number);
        Ok(parts)
    }

    async fn send_part(&self, index: u64, bytes: Bytes) -> Result<CompletedPart, Failure> {
        let number = i32::try_from(index + 1).map_err(Failure::malformed)?;
        let request =
            self.bucket.client.upload_part().bucket(&self.bucket.name).key(self.bucket.path(self.key));
        let answer = request.upload_id(&self.id).part_number(number).body(bytes.into()).send().await?;
        Ok(CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag).build())
    }

    async fn complete(
        &self,
        parts: Vec<CompletedPart>,
        size_bytes: u64,
        condition: &Condition,
    ) -> Result<PutOutcome, Error> {
        let request = self
            .bucket
            .client
            .complete_multipart_upload()
            .bucket(&self.bucket.name)
            .key(self.bucket.path(self.key));
        let request = match condition {
            Condition::Always => request,
            Condition::Absent => request.if_none_match("*"),
            Condition::Matches(etag) => request.if_match(etag.as_str()),
        };
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let failure = match request.upload_id(&self.id).multipart_upload(parts).send().await {
            Ok(answer) => {
                let etag = answer.e_tag.ok_or_else(|| Failure::malformed("the answer lacks an etag"));
                return etag
                    .map(|etag| PutOutcome::Written(ETag::new(etag)))
                    .map_err(|failure| self.failed(failure));
            }
            Err(error) => Failure::from(error),
        };
        if failure.status == Some(412) {
            return Ok(PutOutcome::Refused);
        }
        if !failure.is_missing() {
            return Err(self.failed(failure));
        }
        // Either the key that If-Match names is gone, or the SDK repeated a completion whose answer was
        // lost. With a condition, both mean "not ours to claim"; without one, ours is what counts.
        match (condition, self.bucket.head(self.key).await?) {
            (Condition::Always, Some(meta)) if meta.size_bytes == size_bytes => {
                Ok(PutOutcome::Written(meta.etag))
            }
            (Condition::Always, _) | (Condition::Absent, None) => Err(self.failed(failure)),
            _ => Ok(PutOutcome::Refused),
        }
    }

    /// Best effort: what stays is removed by the bucket's rule for unfinished uploads.
    async fn abort(&self) {
        let client = &self.bucket.client;
        let request =
            client.abort_multipart_upload().bucket(&self.bucket.name).key(self.bucket.path(self.key));
        if let Err(error) = request.upload_id(&self.id).send().await {
            let failure = Failure::from(error);
            if !failure.is_missing() {
                tracing::warn!(key = self.key, cause = ?failure.cause, "an unfinished upload stays in the bucket");
            }
        }
    }

    fn failed(&self, failure: Failure) -> Error {
        self.bucket.failed(Step::Upload, self.key, failure)
    }
}

/// Whole MiB, and no more parts than S3 takes.
fn part_size(size_bytes: u64) -> u64 {
    size_bytes.div_ceil(PARTS_LIMIT).next_multiple_of(1 << 20).max(PART_BYTES)
}

async fn read_part(file: Arc<File>, start: u64, length: u64) -> io::Result<Bytes> {
    let read = move || {
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::FileTooLarge)?];
        file.read_exact_at(&mut bytes, start)?;
        Ok(Bytes::from(bytes))
    };
    task::spawn_blocking(read).await.unwrap_or_else(|panicked| Err(io::Error::other(panicked)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_never_exceed_the_limit() {
        for size_bytes in [MULTIPART_THRESHOLD_BYTES + 1, 100 << 30, 5 << 40] {
            let part_bytes = part_size(size_bytes);
            assert!(size_bytes.div_ceil(part_bytes) <= PARTS_LIMIT && part_bytes >= PART_BYTES);
        }
    }
}
