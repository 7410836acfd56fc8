//! What the SDK's errors mean: by type, HTTP status and S3 error code.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::Cause;

/// A failed request: HTTP status (where there was an answer), meaning and the SDK's error.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) status: Option<u16>,
    pub(super) cause: Cause,
    pub(super) source: Box<dyn StdError + Send + Sync>,
}

impl Failure {
    /// The answer (or the part of it that arrived) makes no sense.
    pub(super) fn malformed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { status: None, cause: Cause::Malformed, source: source.into() }
    }

    /// The object does not fit in memory's bound.
    pub(super) fn too_large() -> Self {
        Self {
            status: None,
            cause: Cause::TooLarge,
            source: "the object is larger than GET_LIMIT_BYTES".into(),
        }
    }

    /// The connection broke while the body arrived.
    pub(super) fn broken_body(source: impl StdError + Send + Sync + 'static) -> Self {
        Self { status: None, cause: Cause::Unreachable, source: Box::new(source) }
    }

    /// The key does not exist (its bucket does).
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404) && self.cause != Cause::NoSuchBucket
    }

    /// Nothing is known about what the server did.
    pub(super) fn may_have_happened(&self) -> bool {
        matches!(self.cause, Cause::Unreachable | Cause::TimedOut | Cause::Busy)
    }
}

impl<E> From<SdkError<E, HttpResponse>> for Failure
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    fn from(error: SdkError<E, HttpResponse>) -> Self {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let cause = match &error {
            SdkError::TimeoutError(_) => Cause::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Cause::TimedOut,
            SdkError::ServiceError(service) => {
                of_answer(service.raw().status().as_u16(), service.err().code())
            }
            SdkError::ResponseError(response) => of_answer(response.raw().status().as_u16(), None),
            other => of_credentials(other).unwrap_or(match other {
                SdkError::DispatchFailure(_) => Cause::Unreachable,
                _ => Cause::Malformed,
            }),
        };
        Self { status, cause, source: Box::new(error) }
    }
}

/// Codes as in S3's API reference, "Error responses".
fn of_answer(status: u16, code: Option<&str>) -> Cause {
    match (status, code) {
        (_, Some("NoSuchBucket")) => Cause::NoSuchBucket,
        (
            _,
            Some(
                "InvalidAccessKeyId"
                | "SignatureDoesNotMatch"
                | "ExpiredToken"
                | "InvalidToken"
                | "TokenRefreshRequired"
                | "RequestTimeTooSkewed"
                | "NotSignedUp",
            ),
        ) => Cause::WrongCredentials,
        (301 | 307, _)
        | (
            _,
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException"),
        ) => Cause::WrongRegion,
        (_, Some("RequestTimeout")) => Cause::TimedOut,
        (401 | 403, _) => Cause::Forbidden,
        (409, _) => Cause::Conflict,
        (412, _) => Cause::Changed,
        (429 | 500.., _) => Cause::Busy,
        (200..=299, _) => Cause::Malformed,
        _ => Cause::Refused(status),
    }
}

/// The SDK wraps a credential provider's error deep inside a dispatch failure.
fn of_credentials(error: &(dyn StdError + 'static)) -> Option<Cause> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(credentials) = error.downcast_ref::<CredentialsError>() {
            return Some(match credentials {
                CredentialsError::CredentialsNotLoaded(_) => Cause::NoCredentials,
                CredentialsError::ProviderTimedOut(_) => Cause::TimedOut,
                _ => Cause::WrongCredentials,
            });
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_apart_by_status_and_code() {
        assert_eq!(of_answer(404, Some("NoSuchBucket")), Cause::NoSuchBucket);
        assert_eq!(of_answer(404, Some("NoSuchKey")), Cause::Refused(404));
        assert_eq!(of_answer(403, Some("SignatureDoesNotMatch")), Cause::WrongCredentials);
        assert_eq!(of_answer(403, Some("AccessDenied")), Cause::Forbidden);
        assert_eq!(of_answer(403, None), Cause::Forbidden);
        assert_eq!(of_answer(400, Some("AuthorizationHeaderMalformed")), Cause::WrongRegion);
        assert_eq!(of_answer(503, Some("SlowDown")), Cause::Busy);
        assert_eq!(of_answer(409, Some("ConditionalRequestConflict")), Cause::Conflict);
        assert_eq!(of_answer(200, None), Cause::Malformed);
    }
}
