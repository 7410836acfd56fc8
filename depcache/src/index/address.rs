//! Addresses of indexes and of find-links places, as people write them.

use std::path::PathBuf;

use reqwest::Url;

use super::credentials::{Login, take_from_url};
use super::settings::{IndexAddress, SettingsError};

/// An index address as any setting writes it: perhaps with a name, perhaps with credentials.
pub(super) fn address(
    text: &str,
    origin: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<IndexAddress, SettingsError> {
    let refuse = |text: String, problem| SettingsError::Address { text, origin: origin.to_owned(), problem };
    let (name, text) = named(text.trim());
    let mut url = Url::parse(text).map_err(|_| refuse(shown(text), "it cannot be parsed"))?;
    let in_address = take_from_url(&mut url);
    if !["http", "https"].contains(&url.scheme()) || url.host_str().is_none() {
        return Err(refuse(url.to_string(), "it is no http or https address"));
    }
    let in_variables = name.and_then(|name| from_variables(name, environment));
    Ok(IndexAddress { name: name.map(ToOwned::to_owned), url, login: in_variables.or(in_address) })
}

/// `name=https://…` → the name and the address.
fn named(text: &str) -> (Option<&str>, &str) {
    match text.split_once('=') {
        Some((name, rest)) if !name.contains(['/', ':']) && rest.contains("://") => (Some(name), rest),
        _ => (None, text),
    }
}

/// `UV_INDEX_<NAME>_USERNAME` and `…_PASSWORD`, or the same with `UPDRAFT_`.
fn from_variables(name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Option<Login> {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let name: String = name.chars().map(letter).collect();
    let get = |part: &str| {
        let names = ["UPDRAFT", "UV"].map(|program| format!("{program}_INDEX_{name}_{part}"));
        names.iter().find_map(|name| environment(name))
    };
    let (user, password) = (get("USERNAME"), get("PASSWORD"));
    (user.is_some() || password.is_some())
        .then(|| Login { user: user.unwrap_or_default(), password: password.unwrap_or_default().into() })
}

/// Text that could not be parsed may still hold a password: what stands before an `@` is left out.
pub(super) fn shown(text: &str) -> String {
    text.rsplit_once('@').map_or_else(|| text.to_owned(), |(_, after)| format!("…@{after}"))
}

/// A find-links place: an address, or a directory that exists.
pub(super) fn place(text: &str, origin: &str) -> Result<Url, SettingsError> {
    let refuse = || SettingsError::FindLinks { text: shown(text), origin: origin.to_owned() };
    let path = match Url::parse(text) {
        Ok(mut url) if ["http", "https"].contains(&url.scheme()) => {
            take_from_url(&mut url);
            return Ok(url);
        }
        Ok(url) if url.scheme() == "file" => url.to_file_path().map_err(|()| refuse())?,
        _ => PathBuf::from(text),
    };
    let path = path.canonicalize().map_err(|_| refuse())?;
    if !path.is_dir() {
        return Err(refuse());
    }
    Url::from_directory_path(path).map_err(|()| refuse())
}
