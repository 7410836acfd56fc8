//! Sending a request: time limit, bounded repetition, errors in words.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::ACCEPT;
use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};

use crate::api::Api;
use crate::credentials::Credentials;
use crate::error::{Error, Step, is_busy};

/// One request at most: Airflow answers in well under a second, a log of some megabytes in a few.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts of a request that may be repeated.
pub const ATTEMPTS: u32 = 3;
/// Pause before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Airflow's words in an error are cut here: a validation error repeats the request.
const DETAIL_LIMIT_CHARS: usize = 300;

/// A client of one Airflow. Cheap to clone; clones share the token and what is known of the Airflow.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: String,
    pub(crate) credentials: Credentials,
    pub(crate) token: Arc<Mutex<Option<SecretString>>>,
    api: Arc<OnceCell<Api>>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Ask {
    pub(crate) step: Step,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
    /// Form of the answer, when there are several.
    pub(crate) accept: Option<&'static str>,
}

impl Ask {
    pub(crate) fn get(step: Step, path: String) -> Self {
        Self { step, method: Method::GET, path, body: None, accept: None }
    }
}

/// With what a request proves who is asking.
#[derive(Clone, Copy)]
pub(crate) enum Proof<'a> {
    Nothing,
    Token(&'a SecretString),
    Password { name: &'a str, password: &'a SecretString },
}

impl Client {
    /// A client of the Airflow at `address` (scheme, host, port, path prefix); nothing is sent yet.
    pub fn new(address: &str, credentials: Credentials) -> Result<Self, Error> {
        let refuse = || Error::Address { address: address.to_owned() };
        let url = reqwest::Url::parse(address).map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(refuse());
        }
        let http = reqwest::Client::builder()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|source| Error::Client { source })?;
        Ok(Self {
            http,
            address: address.trim_end_matches('/').to_owned(),
            credentials,
            token: Arc::default(),
            api: Arc::default(),
        })
    }

    /// The address that was given, without a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The version of the REST API that this Airflow speaks: asked once, without credentials.
    pub async fn api(&self) -> Result<Api, Error> {
        self.api.get_or_try_init(|| self.detect()).await.copied()
    }

    async fn detect(&self) -> Result<Api, Error> {
        let ask = async |api: Api| {
            let path = format!("{}/version", api.prefix());
            self.repeat(&Ask::get(Step::Version, path), Proof::Nothing).await.map(|_| api)
        };
        match ask(Api::V2).await {
            // Airflow 2 does not know it.
            Err(error) if error.is_not_found() => ask(Api::V1).await,
            answer => answer,
        }
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, step: Step, path: String) -> Result<T, Error> {
        self.json(Ask::get(step, path)).await
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, ask: Ask) -> Result<T, Error> {
        let step = ask.step;
        let bytes = self.send(ask).await?.bytes().await.map_err(|source| unreachable(step, source))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step, source })
    }

    /// Send to a path below the API's, with proof; a token that is refused (401) is replaced once.
    pub(crate) async fn send(&self, mut ask: Ask) -> Result<Response, Error> {
        let api = self.api().await?;
        ask.path = format!("{}{}", api.prefix(), ask.path);
        if api == Api::V1 {
            return self.repeat(&ask, self.password()).await;
        }
        let token = self.token(None).await?;
        match self.repeat(&ask, Proof::Token(&token)).await {
            Err(Error::Refused { status, .. }) if status == StatusCode::UNAUTHORIZED => {
                let fresh = self.token(Some(&token)).await?;
                self.repeat(&ask, Proof::Token(&fresh)).await
            }
            answer => answer,
        }
    }

    /// Send to a whole path, as often as the method allows.
    pub(crate) async fn repeat(&self, ask: &Ask, proof: Proof<'_>) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.once(ask, proof).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // A POST that reached Airflow may have been done.
            let safe = ask.method != Method::POST
                || matches!(&error, Error::Unreachable { source, .. } if source.is_connect());
            if attempt == ATTEMPTS || !safe || !error.is_retryable() {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    async fn once(&self, ask: &Ask, proof: Proof<'_>) -> Result<Response, Error> {
        let step = ask.step;
        let mut request = self.http.request(ask.method.clone(), format!("{}{}", self.address, ask.path));
        request = match proof {
            Proof::Nothing => request,
            Proof::Token(token) => request.bearer_auth(token.expose_secret()),
            Proof::Password { name, password } => request.basic_auth(name, Some(password.expose_secret())),
        };
        if let Some(form) = ask.accept {
            request = request.header(ACCEPT, form);
        }
        if let Some(body) = &ask.body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|source| unreachable(step, source))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let detail = if is_busy(status) { String::new() } else { response.text().await.unwrap_or_default() };
        Err(Error::Refused { step, status, detail: in_words(&detail) })
    }
}

pub(crate) fn unreachable(step: Step, source: reqwest::Error) -> Error {
    // The address may carry credentials; the step says enough.
    Error::Unreachable { step, source: source.without_url() }
}

/// Airflow's `detail`, or the start of what it sent, on one line.
fn in_words(body: &str) -> String {
    let detail = serde_json::from_str::<Value>(body).ok().and_then(|mut document| {
        Some(match document.get_mut("detail")?.take() {
            Value::String(text) => text,
            other => other.to_string(),
        })
    });
    let text = detail.unwrap_or_else(|| body.to_owned());
    let line: String =
        text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(DETAIL_LIMIT_CHARS).collect();
    if line.is_empty() { "no reason given".to_owned() } else { line }
}

#[cfg(test)]
mod tests {
    use super::in_words;

    #[test]
    fn details_are_one_short_line() {
        assert_eq!(
            in_words(r#"{"detail":"The Dag with ID: `x` was not found"}"#),
            "The Dag with ID: `x` was not found"
        );
        assert_eq!(
            in_words(r#"{"detail":[{"loc":["body"],"msg":"bad"}]}"#),
            r#"[{"loc":["body"],"msg":"bad"}]"#
        );
        assert_eq!(in_words("<html>\n  bad gateway"), "<html> bad gateway");
        assert_eq!(in_words(""), "no reason given");
        assert_eq!(in_words(&"x".repeat(1000)).len(), 300);
    }
}
