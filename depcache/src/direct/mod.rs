//! Places that requirements name: what is there, for the resolver, the lock and the build.
//!
//! - What is read from an address or a path is used with the hash that it had when the requirements were read or
//!   locked; a branch or tag becomes a commit once.
//! - Relative paths are relative to the working directory, as pip has it.
//! - Credentials in addresses go to the client that asks, never into files, locks or messages.

mod error;
mod file;
mod git;
mod name;
mod source;

pub use error::DirectError;
pub use file::{file, index_file};
pub use name::name;
pub use source::{locked, of_file};

use std::path::{Path, PathBuf};

use depcache_resolve::HashAlgorithm;
use depcache_resolve::{DirectReference, Expanded, FileHash, Place};
use domain::Digest;
use reqwest::Url;

use crate::index::IndexAddress;

/// Addresses with credentials that references carry: a client of the index serves them by origin.
pub fn logins(expanded: &Expanded) -> Vec<IndexAddress> {
    let entries = expanded.requirements.iter().chain(&expanded.constraints).chain(&expanded.overrides);
    entries.filter_map(|entry| login(entry.direct.as_ref()?)).collect()
}

fn login(reference: &DirectReference) -> Option<IndexAddress> {
    match &reference.place {
        Place::Url(text) => IndexAddress::with_login(Url::parse(text).ok()?),
        _ => None,
    }
}

/// Gives references to paths the digest of what lies there now: a changed wheel or directory is another requirement.
/// What cannot be read says so when it is needed. Blocking.
pub fn seal(expanded: &mut Expanded) {
    let entries =
        expanded.requirements.iter_mut().chain(&mut expanded.constraints).chain(&mut expanded.overrides);
    for reference in entries.filter_map(|entry| entry.direct.as_mut()) {
        let Place::Path { path, .. } = &reference.place else { continue };
        let Ok(at) = located(path) else { continue };
        let content = if at.is_dir() {
            crate::source::directory_digest(path, &at).ok()
        } else {
            crate::source::file_digest(&at).ok()
        };
        reference.content = content.map(|content| content.hex());
    }
}

/// The absolute path of what lies at `path`.
fn located(path: &str) -> Result<PathBuf, DirectError> {
    Path::new(path).canonicalize().map_err(|_| DirectError::Missing { path: path.into() })
}

/// An address without credentials and fragment.
fn plain(text: &str) -> Result<Url, DirectError> {
    let shown = || depcache_resolve::reference::without_credentials(text);
    let invalid = || DirectError::Address { reference: shown() };
    let mut url = Url::parse(text).map_err(|_| invalid())?;
    url.set_fragment(None);
    url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| invalid())?;
    Ok(url)
}

fn hash(sha256: Digest) -> FileHash {
    FileHash { algorithm: HashAlgorithm::Sha256, hex: sha256.hex() }
}
