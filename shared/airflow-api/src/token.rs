//! The token of Airflow 3, fetched once and shared; the password that Airflow 2 gets instead.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};

use crate::client::{Ask, Proof, unreachable};
use crate::{Client, Credentials, Error, Step};

impl Client {
    /// What Airflow 2 gets with each request.
    pub(crate) fn password(&self) -> Proof<'_> {
        match &self.credentials {
            Credentials::AllAdmins => Proof::Nothing,
            Credentials::User { name, password } => Proof::Password { name, password },
        }
    }

    /// The token; a fresh one when the shared one is still `stale`.
    pub(crate) async fn token(&self, stale: Option<&SecretString>) -> Result<SecretString, Error> {
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
        let step = Step::Token;
        let ask = Ask { step, method, path: "/auth/token".to_owned(), body, accept: None };
        let response = self.repeat(&ask, Proof::Nothing).await?;
        let bytes = response.bytes().await.map_err(|source| unreachable(step, source))?;
        let token: Token = serde_json::from_slice(&bytes).map_err(|source| Error::Answer { step, source })?;
        Ok(token.access_token)
    }
}
