//! One HTTP client for an index: bounded concurrency, time-outs, retries with back-off, credentials.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use super::IndexError;
use super::credentials::{Login, Netrc};

/// Requests at a time: what uv uses; indexes are made for it.
pub const CONCURRENCY: usize = 50;
/// Tries of one request, the first included.
const TRIES: u32 = 4;
/// Wait before the second try; doubled before each further one.
const BACKOFF: Duration = Duration::from_millis(250);
/// A `Retry-After` longer than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Name resolution, TCP and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Debug)]
pub(super) struct Http {
    client: reqwest::Client,
    permits: Arc<Semaphore>,
    logins: Vec<(Url, Login)>,
    netrc: Netrc,
    timeout: Duration,
}

/// Takes the pieces of a streamed answer.
pub(super) type Sink<'a> = dyn Fn(Option<&[u8]>) -> Result<(), IndexError> + Send + Sync + 'a;

/// How one try ended when it did not succeed.
enum Failed {
    /// Another try may help; after this long, if the server said so.
    Again(IndexError, Option<Duration>),
    Final(IndexError),
}

impl Http {
    pub(super) fn new(
        logins: Vec<(Url, Login)>,
        netrc: Netrc,
        timeout: Duration,
    ) -> Result<Self, IndexError> {
        let client = reqwest::Client::builder()
            .user_agent(concat!("updraft-depcache/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT_TIMEOUT.min(timeout))
            .read_timeout(timeout)
            .pool_max_idle_per_host(CONCURRENCY)
            .build()
            .map_err(IndexError::Client)?;
        Ok(Self { client, permits: Arc::new(Semaphore::new(CONCURRENCY)), logins, netrc, timeout })
    }

    /// GET into memory, at most `limit_bytes`. 2xx, 304, 404 and 416 are answers, the rest errors.
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        limit_bytes: u64,
    ) -> Result<Answer, IndexError> {
        self.retried(|| async {
            let mut response = self.send(url, headers.clone()).await?;
            let mut body = BytesMut::new();
            let (status, headers) = (response.status(), response.headers().clone());
            while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(url, error))? {
                if (body.len() + chunk.len()) as u64 > limit_bytes {
                    return Err(Failed::Final(IndexError::TooLarge { url: url.to_string(), limit_bytes }));
                }
                body.extend_from_slice(&chunk);
            }
            Ok(Answer { status, headers, body: body.freeze() })
        })
        .await
    }

    /// GET through `sink`, which is called with `None` when a try begins and `Some(bytes)` for each piece.
    pub(super) async fn stream(&self, url: &Url, sink: &Sink<'_>) -> Result<(), IndexError> {
        self.retried(|| async {
            let mut response = self.send(url, HeaderMap::new()).await?;
            if response.status() == StatusCode::NOT_FOUND {
                return Err(Failed::Final(IndexError::NotFound { url: url.to_string() }));
            }
            sink(None).map_err(Failed::Final)?;
            while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(url, error))? {
                sink(Some(&chunk)).map_err(Failed::Final)?;
            }
            Ok(())
        })
        .await
    }

    async fn retried<T, F, R>(&self, attempt: F) -> Result<T, IndexError>
    where
        F: Fn() -> R,
        R: Future<Output = Result<T, Failed>>,
    {
        let mut wait = BACKOFF;
        for tried in 1.. {
            // Held for one try only: who waits for the back-off does not keep others from working.
            let permit = self.permits.acquire().await;
            let ended = attempt().await;
            drop(permit);
            match ended {
                Ok(value) => return Ok(value),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Again(error, _)) if tried == TRIES => return Err(error),
                Err(Failed::Again(error, asked)) => {
                    let pause = asked.unwrap_or(wait);
                    if pause > LONGEST_WAIT {
                        return Err(error);
                    }
                    tracing::debug!(%error, tried, pause_ms = pause.as_millis(), "index request is tried again");
                    tokio::time::sleep(pause).await;
                    wait *= 2;
                }
            }
        }
        unreachable!("the last try returns")
    }

    async fn send(&self, url: &Url, headers: HeaderMap) -> Result<Response, Failed> {
        let mut request = self.client.get(url.clone()).headers(headers);
        if let Some(login) = self.login(url) {
            request = request.basic_auth(&login.user, Some(login.password.expose_secret()));
        }
        let response = request.send().await.map_err(|error| self.broken(url, error))?;
        let status = response.status();
        if status.is_success()
            || [StatusCode::NOT_MODIFIED, StatusCode::NOT_FOUND, StatusCode::RANGE_NOT_SATISFIABLE]
                .contains(&status)
        {
            return Ok(response);
        }
        let (url, code) = (url.to_string(), status.as_u16());
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Failed::Final(IndexError::Denied { url, status: code })
            }
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                let asked = asked.and_then(|text| text.parse().ok()).map(Duration::from_secs);
                Failed::Again(IndexError::Status { url, status: code }, asked)
            }
            _ => Failed::Final(IndexError::Status { url, status: code }),
        })
    }

    fn broken(&self, url: &Url, error: reqwest::Error) -> Failed {
        let (url, error) = (url.to_string(), error.without_url());
        if error.is_timeout() && !error.is_connect() {
            return Failed::Again(IndexError::TimedOut { url, timeout_s: self.timeout.as_secs() }, None);
        }
        if error.is_builder() || error.is_redirect() {
            return Failed::Final(IndexError::Unreachable { url, source: error });
        }
        Failed::Again(IndexError::Unreachable { url, source: error }, None)
    }

    /// Credentials given with an index address serve the same origin only; netrc serves by host.
    fn login(&self, url: &Url) -> Option<&Login> {
        let own = self.logins.iter().find(|(index, _)| index.origin() == url.origin());
        own.map(|(_, login)| login).or_else(|| url.host_str().and_then(|host| self.netrc.login(host)))
    }
}
