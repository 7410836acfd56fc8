//! Credentials for index hosts: from addresses and from netrc. They are never printed.

use std::path::Path;

use reqwest::Url;
use secrecy::SecretString;

/// User name and password for one host.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// User name.
    pub(super) user: String,
    /// Password or token.
    pub(super) password: SecretString,
}

/// Takes the credentials out of `url`. What stays may be logged, stored and hashed.
pub(super) fn take_from_url(url: &mut Url) -> Option<Login> {
    let login = (!url.username().is_empty() || url.password().is_some()).then(|| Login {
        user: percent_decoded(url.username()),
        password: SecretString::from(percent_decoded(url.password().unwrap_or_default())),
    });
    // Both fail only for addresses without a host, which have no credentials either.
    url.set_username("").and_then(|()| url.set_password(None)).ok();
    login
}

pub(crate) fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok()))
            .flatten();
        out.push(code.unwrap_or(bytes[at]));
        at += if code.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Entries of a netrc file.
#[derive(Debug, Clone, Default)]
pub(super) struct Netrc {
    machines: Vec<(Option<String>, Login)>,
}

impl Netrc {
    /// Reads `path`; a file that is absent or unreadable has no entries, as for curl and pip.
    pub(super) fn read(path: &Path) -> Self {
        std::fs::read_to_string(path).map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// Parses the text of a netrc file; unknown words are skipped.
    pub(super) fn parse(text: &str) -> Self {
        let mut machines: Vec<(Option<String>, Login)> = Vec::new();
        let plain: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
        let mut words = plain.iter().flat_map(|line| line.split_whitespace());
        let blank = || Login { user: String::new(), password: SecretString::default() };
        while let Some(word) = words.next() {
            match word {
                "machine" => machines.push((words.next().map(str::to_owned), blank())),
                "default" => machines.push((None, blank())),
                "login" => {
                    if let (Some((_, login)), Some(user)) = (machines.last_mut(), words.next()) {
                        user.clone_into(&mut login.user);
                    }
                }
                "password" => {
                    if let (Some((_, login)), Some(password)) = (machines.last_mut(), words.next()) {
                        login.password = SecretString::from(password.to_owned());
                    }
                }
                _ => {}
            }
        }
        Self { machines }
    }

    /// The entry for `host`, or the default entry.
    pub(super) fn login(&self, host: &str) -> Option<&Login> {
        self.machines
            .iter()
            .find(|(machine, _)| machine.as_deref() == Some(host))
            .or_else(|| self.machines.iter().find(|(machine, _)| machine.is_none()))
            .map(|(_, login)| login)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn credentials_leave_the_address() {
        let mut url = Url::parse("https://me:p%40ss@host.example/simple/").unwrap();
        let login = take_from_url(&mut url).unwrap();
        assert_eq!((login.user.as_str(), login.password.expose_secret()), ("me", "p@ss"));
        assert_eq!(url.as_str(), "https://host.example/simple/");
        assert!(!format!("{login:?}").contains("p@ss"));
    }

    #[test]
    fn netrc_prefers_the_machine_over_the_default() {
        let netrc = Netrc::parse(
            "# note\nmachine a.example login me password secret\ndefault login anyone password x\n",
        );
        assert_eq!(netrc.login("a.example").unwrap().user, "me");
        assert_eq!(netrc.login("b.example").unwrap().user, "anyone");
        assert!(Netrc::parse("machine a.example login x").login("b.example").is_none());
    }
}
