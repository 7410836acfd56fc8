//! Requests to indexes: bounded concurrency, time-outs, retries with back-off, credentials.

use std::collections::HashMap;
use std::error::Error as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode, Url};
use secrecy::ExposeSecret;
use tokio::sync::Semaphore;

use super::client::{Certificates, RedirectFault, client};
use super::credentials::{Login, Netrc};
use super::settings::Settings;
use super::{IndexError, keyring};

/// Requests at a time: what uv uses; indexes are made for it.
pub const CONCURRENCY: usize = 50;
/// Tries of one request, the first included.
const TRIES: u32 = 4;
/// Wait before the second try; doubled before each further one, and up to a half longer by chance: many builders
/// that were refused together should not come back together.
const BACKOFF: Duration = Duration::from_millis(250);
/// A `Retry-After` longer than this is not waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Time-outs (of silence) that an answer kept in memory may take as a whole: who sends a byte now and then is not
/// listened to forever.
const WHOLE_ANSWER_TIMEOUTS: u32 = 10;

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

#[derive(Debug)]
pub(super) struct Http {
    /// Made for the first request: a resolution out of the cache needs no certificates.
    client: OnceLock<reqwest::Client>,
    certificates: Certificates,
    permits: Arc<Semaphore>,
    logins: Vec<(Url, Login)>,
    /// Addresses of all indexes: under these, a keyring knows them.
    indexes: Vec<Url>,
    netrc: Netrc,
    keyring: Option<String>,
    /// What the keyring said, by origin.
    from_keyring: tokio::sync::Mutex<HashMap<String, Option<Login>>>,
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
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            client: OnceLock::new(),
            certificates: settings.certificates.clone(),
            permits: Arc::new(Semaphore::new(CONCURRENCY)),
            logins: settings.logins(),
            indexes: settings.addresses(),
            netrc: settings.netrc.clone(),
            keyring: settings.keyring.clone(),
            from_keyring: tokio::sync::Mutex::default(),
            timeout: settings.timeout,
        }
    }

    fn client(&self) -> Result<&reqwest::Client, Failed> {
        if self.client.get().is_none() {
            let made = client(&self.certificates, self.timeout).map_err(Failed::Final)?;
            // Another request may have been first; its client serves as well.
            self.client.set(made).ok();
        }
        let missing = || Failed::Final(IndexError::Offline { url: String::new() });
        self.client.get().ok_or_else(missing)
    }

    /// GET into memory, at most `limit_bytes`. 2xx, 304, 404 and 416 are answers, the rest errors.
    pub(super) async fn get(
        &self,
        url: &Url,
        headers: HeaderMap,
        limit_bytes: u64,
    ) -> Result<Answer, IndexError> {
        let whole = self.timeout * WHOLE_ANSWER_TIMEOUTS;
        self.retried(|| async {
            let read = self.read(url, headers.clone(), limit_bytes);
            let too_slow = |_| {
                Failed::Again(IndexError::TimedOut { url: url.to_string(), timeout_s: whole.as_secs() }, None)
            };
            tokio::time::timeout(whole, read).await.map_err(too_slow)?
        })
        .await
    }

    async fn read(&self, url: &Url, headers: HeaderMap, limit_bytes: u64) -> Result<Answer, Failed> {
        let mut response = self.send(url, headers).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let too_large = || Failed::Final(IndexError::TooLarge { url: url.to_string(), limit_bytes });
        // What is announced as too large is not read at all.
        let announced = response.content_length().unwrap_or_default();
        if announced > limit_bytes {
            return Err(too_large());
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced).unwrap_or_default());
        while let Some(chunk) = response.chunk().await.map_err(|error| self.broken(url, error))? {
            if (body.len() + chunk.len()) as u64 > limit_bytes {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Answer { status, headers, body: body.freeze() })
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
                    let pause = asked.unwrap_or_else(|| jittered(wait));
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
        let client = self.client()?;
        let known = self.login(url).await;
        let ask = |login: Option<&Login>| {
            let request = client.get(url.clone()).headers(headers.clone());
            match login {
                Some(login) => request.basic_auth(&login.user, Some(login.password.expose_secret())),
                None => request,
            }
        };
        let mut response = ask(known.as_ref()).send().await.map_err(|error| self.broken(url, error))?;
        if response.status() == StatusCode::UNAUTHORIZED
            && let Some(login) = self.ask_keyring(url, known.as_ref()).await
        {
            response = ask(Some(&login)).send().await.map_err(|error| self.broken(url, error))?;
        }
        let status = response.status();
        if status.is_success()
            || [StatusCode::NOT_MODIFIED, StatusCode::NOT_FOUND, StatusCode::RANGE_NOT_SATISFIABLE]
                .contains(&status)
        {
            return Ok(response);
        }
        let (url, code) = (url.to_string(), status.as_u16());
        if status.is_redirection() {
            // The client leaves alone what it cannot follow.
            let problem = "it is no http or https address";
            return Err(Failed::Final(IndexError::Redirected { url, problem }));
        }
        Err(match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Failed::Final(IndexError::Denied { url, status: code })
            }
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                Failed::Again(IndexError::Status { url, status: code }, asked.and_then(pause))
            }
            _ => Failed::Final(IndexError::Status { url, status: code }),
        })
    }

    fn broken(&self, url: &Url, error: reqwest::Error) -> Failed {
        let (url, error) = (url.to_string(), error.without_url());
        if error.is_redirect() {
            let fault = error.source().and_then(|source| source.downcast_ref::<RedirectFault>());
            let problem = fault.map_or("it is no address", |fault| fault.0);
            return Failed::Final(IndexError::Redirected { url, problem });
        }
        if error.is_timeout() && !error.is_connect() {
            return Failed::Again(IndexError::TimedOut { url, timeout_s: self.timeout.as_secs() }, None);
        }
        if error.is_builder() {
            return Failed::Final(IndexError::Unreachable { url, source: error });
        }
        Failed::Again(IndexError::Unreachable { url, source: error }, None)
    }

    /// Credentials given with an index address, or found in the keyring, serve the same origin only; netrc serves
    /// by host.
    async fn login(&self, url: &Url) -> Option<Login> {
        let own = self.logins.iter().find(|(index, _)| index.origin() == url.origin());
        let known = own.map(|(_, login)| login);
        let known = known.or_else(|| url.host_str().and_then(|host| self.netrc.login(host)));
        if self.keyring.is_some() && known.is_none_or(|login| login.password.expose_secret().is_empty()) {
            let found = self.from_keyring.lock().await.get(&url.origin().ascii_serialization()).cloned();
            if let Some(Some(login)) = found {
                return Some(login);
            }
        }
        known.cloned()
    }

    /// Asks the keyring, once for each origin; others wait for the answer instead of asking again.
    async fn ask_keyring(&self, url: &Url, known: Option<&Login>) -> Option<Login> {
        let program = self.keyring.as_deref()?;
        if known.is_some_and(|login| !login.password.expose_secret().is_empty()) {
            return None;
        }
        let mut answers = self.from_keyring.lock().await;
        let origin = url.origin().ascii_serialization();
        if let Some(answer) = answers.get(&origin) {
            return answer.clone();
        }
        let place = self.indexes.iter().find(|index| index.origin() == url.origin()).unwrap_or(url);
        let user = known.map(|login| login.user.as_str()).filter(|user| !user.is_empty());
        let answer = keyring::ask(program, place, user).await;
        answers.insert(origin, answer.clone());
        answer
    }
}

/// `wait`, up to a half longer. A fresh hash state is random enough for that.
fn jittered(wait: Duration) -> Duration {
    let chance = RandomState::new().hash_one(0u8) % 500;
    wait + wait * u32::try_from(chance).unwrap_or_default() / 1000
}

/// A `Retry-After`: seconds or a date.
fn pause(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let moment = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = moment.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let soon = (jiff::Timestamp::now() + Duration::from_mins(1)).to_zoned(jiff::tz::TimeZone::UTC);
        let text = soon.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        assert!(pause(&text).is_some_and(|wait| wait > Duration::from_secs(50)), "{text}");
        assert_eq!(pause("soon"), None);
    }

    #[test]
    fn back_off_grows_by_chance_only_a_little() {
        for _ in 0..100 {
            let wait = jittered(BACKOFF);
            assert!(wait >= BACKOFF && wait <= BACKOFF * 3 / 2, "{wait:?}");
        }
    }
}
