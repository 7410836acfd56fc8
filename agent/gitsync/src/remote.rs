//! Where a repository is and how to log in there.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use crate::Error;

/// Longest password file that is read: a token is a few hundred bytes, a larger file is a mistake.
const MAX_PASSWORD_BYTES: u64 = 64 * 1024;

/// User name and password (or token) for http(s).
#[derive(Debug, Clone)]
pub enum Login {
    /// A password that does not change while the program runs.
    Password {
        /// User name.
        username: String,
        /// Password or token.
        password: SecretString,
    },
    /// A password in a file, read for every connection so that a rotated token is used at once.
    PasswordFile {
        /// User name.
        username: String,
        /// The file; trailing white space is not part of the password.
        path: PathBuf,
    },
}

/// A repository's address with the login for it.
///
/// Without a login git's own credential helpers are asked, but never a terminal.
#[derive(Debug, Clone)]
pub struct Remote {
    url: String,
    login: Option<Login>,
}

impl Remote {
    /// The repository at `url`: a path, or `file://`, `http(s)://`, `ssh://`, `user@host:path`.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), login: None }
    }

    /// Logs in with `login` instead of asking credential helpers.
    #[must_use]
    pub fn with_login(mut self, login: Login) -> Self {
        self.login = Some(login);
        self
    }

    /// The address with which to connect. Not for people: it may hold credentials.
    pub(crate) fn address(&self) -> Result<gix::Url, Error> {
        gix::url::parse(self.url.as_str()).map_err(|_| Error::BadAddress { url: self.shown() })
    }

    /// The address without credentials, for messages.
    pub fn shown(&self) -> String {
        let Ok(mut url) = gix::url::parse(self.url.as_str()) else {
            // Cannot tell what in it is secret, so nothing before the last `@` is shown.
            return self.url.rsplit('@').next().unwrap_or_default().chars().take(200).collect();
        };
        url.set_password(None);
        if url.scheme != gix::url::Scheme::Ssh {
            url.set_user(None);
        }
        url.to_bstring().to_string()
    }

    /// User name and password, when a login is configured.
    pub(crate) fn identity(&self) -> Result<Option<gix::sec::identity::Account>, Error> {
        let (username, password) = match &self.login {
            None => return Ok(None),
            Some(Login::Password { username, password }) => (username, password.expose_secret().to_owned()),
            Some(Login::PasswordFile { username, path }) => (username, read_password(path)?),
        };
        Ok(Some(gix::sec::identity::Account {
            username: username.clone(),
            password,
            oauth_refresh_token: None,
        }))
    }
}

fn read_password(path: &std::path::Path) -> Result<String, Error> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_PASSWORD_BYTES).read_to_string(&mut text))
        .map_err(|source| Error::Password { path: path.to_owned(), source })?;
    Ok(text.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_shown() {
        for (url, shown) in [
            ("https://ada:s3cret@git.example.org/dags.git", "https://git.example.org/dags.git"),
            ("https://t0ken@git.example.org/dags.git", "https://git.example.org/dags.git"),
            ("ssh://git@git.example.org/dags.git", "ssh://git@git.example.org/dags.git"),
            ("/srv/dags", "/srv/dags"),
        ] {
            assert_eq!(Remote::new(url).shown(), shown);
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let login = Login::Password { username: "ada".into(), password: SecretString::from("s3cret") };
        assert!(!format!("{:?}", Remote::new("x").with_login(login)).contains("s3cret"));
    }
}
