//! Writing an object with one request.

use aws_sdk_s3::config::Builder;
use aws_sdk_s3::config::retry::RetryConfig;
use bytes::Bytes;

use super::failure::Failure;
use super::{Bucket, Tries};
use crate::{Cause, Condition, ETag, PutOutcome};

/// Writes `bytes`.
///
/// Conditional writes are retried here and not by the SDK: after a lost answer a retry is refused by our
/// own first try, and only whoever knows that there was a first try can tell.
pub(super) async fn put(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    condition: &Condition,
) -> Result<PutOutcome, Failure> {
    if *condition == Condition::Always {
        return send(bucket, key, bytes, condition, None).await.map(PutOutcome::Written);
    }
    let mut tries = Tries::new();
    let mut may_have_happened = false;
    loop {
        let once = Builder::new().retry_config(RetryConfig::disabled());
        match send(bucket, key, bytes.clone(), condition, Some(once)).await {
            Ok(etag) => return Ok(PutOutcome::Written(etag)),
            Err(failure) if failure.status == Some(412) || is_gone(&failure, condition) => {
                if may_have_happened {
                    return settle(bucket, key, &bytes).await;
                }
                return Ok(PutOutcome::Refused);
            }
            // 409: another writer is at the key right now, and may yet fail.
            Err(failure) if failure.cause == Cause::Conflict || failure.may_have_happened() => {
                may_have_happened |= failure.may_have_happened();
                if !tries.again().await {
                    return Err(failure);
                }
            }
            Err(failure) => return Err(failure),
        }
    }
}

/// If-Match on a key that does not exist is 404 on S3.
fn is_gone(failure: &Failure, condition: &Condition) -> bool {
    matches!(condition, Condition::Matches(_)) && failure.is_missing()
}

/// A refusal after a try with unknown outcome: written if the content is ours.
async fn settle(bucket: &Bucket, key: &str, bytes: &Bytes) -> Result<PutOutcome, Failure> {
    match bucket.read(key, |request| request).await {
        Ok(object) if object.bytes == *bytes => Ok(PutOutcome::Written(object.etag)),
        Ok(_) => Ok(PutOutcome::Refused),
        Err(failure) if failure.is_missing() => Ok(PutOutcome::Refused),
        Err(failure) => Err(failure),
    }
}

async fn send(
    bucket: &Bucket,
    key: &str,
    bytes: Bytes,
    condition: &Condition,
    config: Option<Builder>,
) -> Result<ETag, Failure> {
    let request = bucket.client.put_object().bucket(&bucket.name).key(bucket.path(key)).body(bytes.into());
    let request = match condition {
        Condition::Always => request,
        Condition::Absent => request.if_none_match("*"),
        Condition::Matches(etag) => request.if_match(etag.as_str()),
    };
    let answer = match config {
        Some(config) => request.customize().config_override(config).send().await,
        None => request.send().await,
    };
    answer?.e_tag.map(ETag::new).ok_or_else(|| Failure::malformed("the answer lacks an etag"))
}
