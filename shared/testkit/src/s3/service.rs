//! The S3 operations, translated to [`Disk`].

use std::ops::Range;
use std::sync::Arc;

use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, Bucket, CommonPrefix,
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput,
    DeleteObjectsInput, DeleteObjectsOutput, DeletedObject, ETag, ETagCondition, EncodingType,
    GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, PutObjectInput, PutObjectOutput, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::task;

use super::disk::{Conditions, Disk, Opened, holds};
use super::listing::{self, Query};
use super::{body, keys, uploads};

/// The service over one directory.
#[derive(Debug, Clone)]
pub(super) struct Service {
    pub(super) disk: Arc<Disk>,
}

impl Service {
    /// Runs file operations off the async threads.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Disk) -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let disk = Arc::clone(&self.disk);
        task::spawn_blocking(move || work(&disk)).await.map_err(|error| s3_error!(error, InternalError))?
    }

    /// Opens an object for reading, conditions checked.
    async fn open(
        &self,
        bucket: String,
        key: String,
        if_match: Option<ETagCondition>,
        if_none_match: Option<ETagCondition>,
    ) -> S3Result<Opened> {
        let opened = self.run(move |disk| disk.get(&bucket, &key)).await?;
        if if_match.is_some_and(|condition| !holds(&condition, &opened.etag)) {
            return Err(s3_error!(PreconditionFailed));
        }
        if if_none_match.is_some_and(|condition| holds(&condition, &opened.etag)) {
            return Err(s3_error!(NotModified));
        }
        Ok(opened)
    }
}

fn strong(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

fn length(size_bytes: u64) -> Option<i64> {
    i64::try_from(size_bytes).ok()
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn create_bucket(
        &self,
        req: S3Request<CreateBucketInput>,
    ) -> S3Result<S3Response<CreateBucketOutput>> {
        let bucket = req.input.bucket;
        let location = Some(format!("/{bucket}"));
        self.run(move |disk| disk.create_bucket(&bucket)).await?;
        Ok(S3Response::new(CreateBucketOutput { location }))
    }

    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> S3Result<S3Response<HeadBucketOutput>> {
        self.run(move |disk| disk.bucket(&req.input.bucket)).await?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.run(move |disk| disk.bucket(&req.input.bucket)).await?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> S3Result<S3Response<ListBucketsOutput>> {
        let names = self.run(Disk::buckets).await?;
        let buckets =
            names.into_iter().map(|name| Bucket { name: Some(name), ..Default::default() }).collect();
        Ok(S3Response::new(ListBucketsOutput { buckets: Some(buckets), ..Default::default() }))
    }

    async fn put_object(&self, req: S3Request<PutObjectInput>) -> S3Result<S3Response<PutObjectOutput>> {
        let PutObjectInput { body, bucket, key, if_match, if_none_match, .. } = req.input;
        self.disk.path(&bucket, &key)?;
        let temp = self.disk.temp_path();
        let (_, etag) = body::receive(body, temp.clone()).await?;
        let tag = strong(&etag);
        let conditions = Conditions { if_match, if_none_match };
        self.run(move |disk| disk.commit(&temp, &etag, &bucket, &key, &conditions)).await?;
        Ok(S3Response::new(PutObjectOutput { e_tag: Some(tag), ..Default::default() }))
    }

    async fn get_object(&self, req: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
        let GetObjectInput { bucket, key, if_match, if_none_match, range, .. } = req.input;
        let opened = self.open(bucket, key, if_match, if_none_match).await?;
        let wanted: Range<u64> = match &range {
            Some(range) => range.check(opened.size_bytes)?,
            None => 0..opened.size_bytes,
        };
        let content_range = range.map(|_| {
            format!("bytes {}-{}/{}", wanted.start, wanted.end.saturating_sub(1), opened.size_bytes)
        });
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: length(wanted.end - wanted.start),
            content_range,
            e_tag: Some(strong(&opened.etag)),
            last_modified: Some(opened.modified.into()),
            body: Some(body::send(opened.file, wanted)),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        let HeadObjectInput { bucket, key, if_match, if_none_match, .. } = req.input;
        let opened = self.open(bucket, key, if_match, if_none_match).await?;
        let output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: length(opened.size_bytes),
            e_tag: Some(strong(&opened.etag)),
            last_modified: Some(opened.modified.into()),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let DeleteObjectInput { bucket, key, if_match, .. } = req.input;
        let conditions = Conditions { if_match, if_none_match: None };
        self.run(move |disk| disk.delete(&bucket, &key, &conditions)).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let DeleteObjectsInput { bucket, delete, .. } = req.input;
        let deleted = self
            .run(move |disk| {
                let mut deleted = Vec::new();
                for object in delete.objects {
                    disk.delete(&bucket, &object.key, &Conditions::default())?;
                    deleted.push(DeletedObject { key: Some(object.key), ..Default::default() });
                }
                Ok(deleted)
            })
            .await?;
        Ok(S3Response::new(DeleteObjectsOutput { deleted: Some(deleted), ..Default::default() }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let url = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let spell = move |text: String| if url { keys::url_encode(&text) } else { text };
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone(),
            start_after: input.start_after.clone(),
            token: input.continuation_token.clone(),
            max_keys: input.max_keys,
        };
        let bucket = input.bucket.clone();
        let page = self.run(move |disk| listing::page(&disk.bucket(&bucket)?, &query)).await?;
        let key_count = i32::try_from(page.objects.len() + page.prefixes.len()).ok();
        let contents: Vec<Object> = page
            .objects
            .into_iter()
            .map(|object| Object {
                key: Some(spell(object.key)),
                size: length(object.size_bytes),
                last_modified: Some(object.modified.into()),
                ..Default::default()
            })
            .collect();
        let prefixes: Vec<CommonPrefix> =
            page.prefixes.into_iter().map(|prefix| CommonPrefix { prefix: Some(spell(prefix)) }).collect();
        let output = ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(spell(input.prefix.unwrap_or_default())),
            delimiter: input.delimiter.map(spell),
            start_after: input.start_after.map(spell),
            encoding_type: input.encoding_type,
            continuation_token: input.continuation_token,
            max_keys: i32::try_from(page.max_keys).ok(),
            key_count,
            is_truncated: Some(page.next_token.is_some()),
            next_continuation_token: page.next_token,
            contents: Some(contents),
            common_prefixes: Some(prefixes),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let CreateMultipartUploadInput { bucket, key, .. } = req.input;
        let (in_bucket, for_key) = (bucket.clone(), key.clone());
        let id = self.run(move |disk| uploads::create(disk, &in_bucket, &for_key)).await?;
        let output = CreateMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            upload_id: Some(id),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let UploadPartInput { bucket, key, upload_id, part_number, body, .. } = req.input;
        let etag = uploads::receive(&self.disk, (&bucket, &key, &upload_id), part_number, body).await?;
        Ok(S3Response::new(UploadPartOutput { e_tag: Some(strong(&etag)), ..Default::default() }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let CompleteMultipartUploadInput {
            bucket,
            key,
            upload_id,
            multipart_upload,
            if_match,
            if_none_match,
            ..
        } = req.input;
        let parts = multipart_upload.and_then(|upload| upload.parts).unwrap_or_default();
        let conditions = Conditions { if_match, if_none_match };
        let (in_bucket, for_key) = (bucket.clone(), key.clone());
        let etag = self
            .run(move |disk| uploads::complete(disk, (&in_bucket, &for_key, &upload_id), &parts, &conditions))
            .await?;
        let output = CompleteMultipartUploadOutput {
            bucket: Some(bucket),
            key: Some(key),
            e_tag: Some(strong(&etag)),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let AbortMultipartUploadInput { bucket, key, upload_id, .. } = req.input;
        self.run(move |disk| uploads::abort(disk, (&bucket, &key, &upload_id))).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
