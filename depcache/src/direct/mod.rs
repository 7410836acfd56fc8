//! Places that requirements name: what is there, for the resolver, the lock and the build.
//!
//! - What is read from an address or a path is used with the hash that it had when it was locked.
//! - Relative paths are relative to the working directory, as pip has it.
//! - Credentials in addresses go to the client that asks, never into files, locks or messages.

mod error;
mod file;
mod name;

pub use error::DirectError;
pub use file::{file, index_file};
pub use name::name;

use depcache_resolve::{DirectReference, Expanded, Place};
use reqwest::Url;

use crate::index::IndexAddress;

/// Addresses with credentials that references carry: a client of the index serves them by origin.
pub fn logins(expanded: &Expanded) -> Vec<IndexAddress> {
    let entries = expanded.requirements.iter().chain(&expanded.constraints);
    let references = entries.filter_map(|entry| entry.direct.as_ref());
    references
        .filter_map(|reference| match &reference.place {
            Place::Url(text) => IndexAddress::with_login(Url::parse(text).ok()?),
            _ => None,
        })
        .collect()
}

/// The address of a reference without credentials and fragment.
fn plain(reference: &DirectReference, text: &str) -> Result<Url, DirectError> {
    let invalid = || DirectError::Address { reference: reference.to_string() };
    let mut url = Url::parse(text).map_err(|_| invalid())?;
    url.set_fragment(None);
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| invalid())?;
    Ok(url)
}
