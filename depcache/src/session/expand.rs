//! Reading what the user hands in.

use std::path::Path;

use depcache_resolve::requirements::{MAX_FILE_BYTES, Outside, ReadError, is_remote, only_requirements};
use depcache_resolve::{DirectReference, Expanded, RequirementsError};

use super::{Files, Session};
use crate::blocking::wait;
use crate::direct;
use crate::index::{Index, IndexAddress, IndexError};

impl Session {
    /// Reads requirements and constraints with everything that they include. Blocking; inside a runtime when files
    /// are at addresses.
    pub fn expand(&self, files: &Files) -> Result<Expanded, RequirementsError> {
        let requirements: Vec<&str> = files.requirements.iter().map(String::as_str).collect();
        let constraints: Vec<&str> = files.constraints.iter().map(String::as_str).collect();
        let read = |path: &str| {
            if is_remote(path) { self.read_remote(path) } else { read_file(&files.root, path) }
        };
        let name = |reference: &DirectReference| direct::name(self, reference);
        let exists = |path: &str| files.root.join(path).exists();
        let outside = Outside {
            read: &read,
            exists: &exists,
            name: &name,
            variables: &self.variables,
            selection: &files.selection,
        };
        let mut expanded = depcache_resolve::expand_with(&requirements, &constraints, &outside)?;
        for (files, entries) in
            [(&files.overrides, &mut expanded.overrides), (&files.recommended, &mut expanded.recommended)]
        {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            *entries = only_requirements(&files, &read, &self.variables)?;
        }
        direct::seal(&mut expanded);
        Ok(expanded)
    }

    /// A requirements or constraints file at an address.
    fn read_remote(&self, address: &str) -> Result<Vec<u8>, ReadError> {
        let refuse = |retryable, source: Box<dyn std::error::Error + Send + Sync>| ReadError::Unavailable {
            retryable,
            source,
        };
        let url = reqwest::Url::parse(address).map_err(|error| ReadError::Unreadable(Box::new(error)))?;
        let settings = self.settings_without_index();
        let mut settings = settings.map_err(|error| ReadError::Unreadable(Box::new(error)))?;
        settings.places.extend(IndexAddress::with_login(url.clone()));
        let mut plain = url;
        // Both fail only for addresses without a host, which have no credentials either.
        plain.set_username("").and_then(|()| plain.set_password(None)).ok();
        let client =
            Index::new(settings, self.cache.clone()).map_err(|error| refuse(false, Box::new(error)))?;
        let limit_bytes = MAX_FILE_BYTES as u64;
        let read = wait(client.document(&plain, limit_bytes));
        match read.map_err(|error| ReadError::Unreadable(Box::new(error)))? {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(IndexError::NotFound { .. }) => Err(ReadError::NotFound),
            Err(error) => Err(refuse(error.is_retryable(), Box::new(error))),
        }
    }
}

fn read_file(root: &Path, path: &str) -> Result<Vec<u8>, ReadError> {
    std::fs::read(root.join(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ReadError::NotFound,
        _ => ReadError::Unreadable(Box::new(error)),
    })
}
