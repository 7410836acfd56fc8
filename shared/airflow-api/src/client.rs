//! Sending a request: token, time limit, bounded repetition, errors in words.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;

use crate::error::{Error, Step, is_busy};

/// One request at most: Airflow answers in well under a second, a log of some megabytes in a few.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
/// Attempts of a request that may be repeated.
pub const ATTEMPTS: u32 = 3;
/// Pause before the second attempt; doubled for each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// Airflow's words in an error are cut here: a validation error repeats the request.
const DETAIL_LIMIT_CHARS: usize = 300;

/// How to get a token.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// SimpleAuthManager with `simple_auth_manager_all_admins`: a token without a login. Throw-away Airflows only.
    AllAdmins,
    /// A user and password.
    User {
        /// Name.
        name: String,
        /// Password.
        password: SecretString,
    },
}

/// A client of one Airflow. Cheap to clone; clones share the token.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    address: String,
    credentials: Credentials,
    token: Arc<Mutex<Option<SecretString>>>,
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
            token: Arc::new(Mutex::new(None)),
        })
    }

    /// The address that was given, without a slash at the end.
    pub fn address(&self) -> &str {
        &self.address
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, step: Step, path: &str) -> Result<T, Error> {
        self.json(step, Method::GET, path, None).await
    }

    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, Error> {
        let bytes = self
            .send(step, method, path, body)
            .await?
            .bytes()
            .await
            .map_err(|source| unreachable(step, source))?;
        serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step, source })
    }

    /// Send with a token; after a 401 once more with a fresh one.
    pub(crate) async fn send(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response, Error> {
        let token = self.token(None).await?;
        match self.repeat(step, &method, path, body, Some(&token)).await {
            Err(Error::Refused { status, .. }) if status == StatusCode::UNAUTHORIZED => {
                let fresh = self.token(Some(&token)).await?;
                self.repeat(step, &method, path, body, Some(&fresh)).await
            }
            answer => answer,
        }
    }

    /// Send as often as the method allows.
    pub(crate) async fn repeat(
        &self,
        step: Step,
        method: &Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&SecretString>,
    ) -> Result<Response, Error> {
        let mut pause = FIRST_PAUSE;
        let mut attempt = 1;
        loop {
            let error = match self.once(step, method.clone(), path, body, token).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            // A POST that reached Airflow may have been done.
            let safe = *method != Method::POST
                || matches!(&error, Error::Unreachable { source, .. } if source.is_connect());
            if attempt == ATTEMPTS || !safe || !error.is_retryable() {
                return Err(error);
            }
            tokio::time::sleep(pause).await;
            (attempt, pause) = (attempt + 1, pause * 2);
        }
    }

    async fn once(
        &self,
        step: Step,
        method: Method,
        path: &str,
        body: Option<&Value>,
        token: Option<&SecretString>,
    ) -> Result<Response, Error> {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(body) = body {
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

    /// The token; a fresh one when the shared one is still `stale`.
    async fn token(&self, stale: Option<&SecretString>) -> Result<SecretString, Error> {
        let mut shared = self.token.lock().await;
        match shared.as_ref() {
            Some(token) if stale.is_none_or(|s| s.expose_secret() != token.expose_secret()) => {
                Ok(token.clone())
            }
            _ => Ok(shared.insert(self.fetch_token().await?).clone()),
        }
    }

    async fn fetch_token(&self) -> Result<SecretString, Error> {
        #[derive(serde::Deserialize)]
        struct Token {
            access_token: SecretString,
        }
        let (method, body) = match &self.credentials {
            Credentials::AllAdmins => (Method::GET, None),
            Credentials::User { name, password } => {
                let body = serde_json::json!({"username": name, "password": password.expose_secret()});
                (Method::POST, Some(body))
            }
        };
        let response = self.repeat(Step::Token, &method, "/auth/token", body.as_ref(), None).await?;
        let bytes = response.bytes().await.map_err(|source| unreachable(Step::Token, source))?;
        let token: Token =
            serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step: Step::Token, source })?;
        Ok(token.access_token)
    }
}

fn unreachable(step: Step, source: reqwest::Error) -> Error {
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
