//! Walks a directory store.

use std::fs;
use std::io;
use std::path::Path;

use crate::key::RESERVED_PREFIX;
use crate::{LIST_LIMIT_KEYS, Listed};

/// What a walk found.
pub(super) enum Listing {
    Complete(Vec<Listed>),
    TooMany,
}

/// All keys below `root` that start with `prefix`, sorted by bytes.
pub(super) fn list(root: &Path, prefix: &str) -> io::Result<Listing> {
    let folder = prefix.rfind('/').map_or("", |slash| &prefix[..slash]);
    // Such a prefix names no key, and must not lead out of the root.
    if folder.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Ok(Listing::Complete(Vec::new()));
    }
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = match fs::read_dir(root.join(&folder)) {
            Ok(entries) => entries,
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                continue;
            }
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            // Names that are no UTF-8 were not written by this crate.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(RESERVED_PREFIX) {
                continue;
            }
            let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            // Follows symlinks: people link folders of a store to other disks.
            let metadata = match fs::metadata(entry.path()) {
                Ok(metadata) => metadata,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            if metadata.is_dir() {
                let below = format!("{key}/");
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    folders.push(key);
                }
            } else if metadata.is_file() && key.starts_with(prefix) {
                if found.len() == LIST_LIMIT_KEYS {
                    return Ok(Listing::TooMany);
                }
                found.push(Listed { key, size_bytes: metadata.len() });
            }
        }
    }
    found.sort_by(|a, b| a.key.cmp(&b.key));
    Ok(Listing::Complete(found))
}
