//! The token that agents show.

use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};

use super::ServeError;

/// A bearer token; without one live usage is taken from anybody who can connect.
#[derive(Debug, Clone, Default)]
pub struct Token(Option<SecretString>);

impl Token {
    /// From a file, else from `UPDRAFT_COSTS_TOKEN`, else none.
    pub fn read(file: Option<&Path>) -> Result<Self, ServeError> {
        let Some(path) = file else {
            let variable = std::env::var("UPDRAFT_COSTS_TOKEN").ok().filter(|token| !token.is_empty());
            return Ok(Self(variable.map(SecretString::from)));
        };
        let text = std::fs::read_to_string(path)
            .map_err(|source| ServeError::TokenFile { path: path.to_owned(), source })?;
        match text.trim() {
            "" => Err(ServeError::TokenEmpty { path: path.to_owned() }),
            token => Ok(Self(Some(SecretString::from(token.to_owned())))),
        }
    }

    /// Whether an `Authorization` header shows it. Takes the same time for any wrong one of its length.
    pub fn accepts(&self, header: Option<&str>) -> bool {
        let Some(token) = &self.0 else { return true };
        let Some(shown) = header.and_then(|header| header.strip_prefix("Bearer ")) else { return false };
        let (shown, token) = (shown.trim().as_bytes(), token.expose_secret().as_bytes());
        let difference = shown.iter().zip(token).fold(0, |all, (a, b)| all | (a ^ b));
        shown.len() == token.len() && difference == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_is_accepted() {
        let token = Token(Some(SecretString::from("s3cret".to_owned())));
        assert!(token.accepts(Some("Bearer s3cret")));
        let wrong =
            [None, Some("s3cret"), Some("Bearer s3cre"), Some("Bearer s3cretx"), Some("Basic s3cret")];
        assert!(wrong.iter().all(|header| !token.accepts(*header)));
        assert!(Token::default().accepts(None));
        assert!(!format!("{token:?}").contains("s3cret"));
    }
}
