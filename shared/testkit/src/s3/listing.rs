//! ListObjectsV2: prefixes, delimiters, pages.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use s3s::{S3Result, s3_error};

use super::disk::{hex, internal};
use super::keys;

/// S3's largest page.
const PAGE_LIMIT: usize = 1000;

/// What a client asked for.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) prefix: String,
    pub(super) delimiter: Option<String>,
    pub(super) start_after: Option<String>,
    pub(super) token: Option<String>,
    pub(super) max_keys: Option<i32>,
}

/// One page.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) objects: Vec<Listed>,
    pub(super) prefixes: Vec<String>,
    pub(super) max_keys: usize,
    pub(super) next_token: Option<String>,
}

/// An object in a listing.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) key: String,
    pub(super) size_bytes: u64,
    pub(super) modified: SystemTime,
}

pub(super) fn page(bucket: &Path, query: &Query) -> S3Result<Page> {
    let max_keys = query.max_keys.map_or(PAGE_LIMIT, |max| usize::try_from(max).unwrap_or(0).min(PAGE_LIMIT));
    let mut page = Page { max_keys, ..Page::default() };
    let after = match &query.token {
        Some(token) => Some(token_text(token)?),
        None => query.start_after.clone(),
    };
    let mut last = None;
    for (key, listed) in below(bucket, &query.prefix)? {
        let rolled_up =
            query.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()).and_then(|delimiter| {
                let at = key[query.prefix.len()..].find(delimiter)?;
                Some(key[..query.prefix.len() + at + delimiter.len()].to_owned())
            });
        let name = rolled_up.as_ref().unwrap_or(&key);
        let passed = after.as_ref().is_some_and(|after| key <= *after || name == after);
        if passed || page.prefixes.last() == rolled_up.as_ref() && rolled_up.is_some() {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == max_keys {
            page.next_token = last.map(|last: String| hex(last.as_bytes()));
            break;
        }
        last = Some(name.clone());
        match rolled_up {
            Some(prefix) => page.prefixes.push(prefix),
            None => page.objects.push(listed),
        }
    }
    Ok(page)
}

/// All objects below a prefix, in the order of their keys' bytes.
fn below(bucket: &Path, prefix: &str) -> S3Result<BTreeMap<String, Listed>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![keys::folder(bucket, prefix)?];
    while let Some((path, above)) = folders.pop() {
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(internal(error)),
        };
        for entry in entries {
            let entry = entry.map_err(internal)?;
            let name = entry.file_name();
            let Some((segment, is_folder)) = name.to_str().and_then(keys::segment) else { continue };
            let key = format!("{above}{segment}");
            if is_folder {
                let below = format!("{key}/");
                if below.starts_with(prefix) || prefix.starts_with(&below) {
                    folders.push((entry.path(), below));
                }
            } else if key.starts_with(prefix) {
                let metadata = match entry.metadata() {
                    Ok(metadata) => metadata,
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(internal(error)),
                };
                let modified = metadata.modified().map_err(internal)?;
                found.insert(key.clone(), Listed { key, size_bytes: metadata.len(), modified });
            }
        }
    }
    Ok(found)
}

/// A token is the last name of the page before, in hexadecimal digits.
fn token_text(token: &str) -> S3Result<String> {
    let refuse = || s3_error!(InvalidArgument, "the continuation token is not one of this server's");
    if !token.len().is_multiple_of(2) || !token.is_ascii() {
        return Err(refuse());
    }
    let bytes: Option<Vec<u8>> =
        (0..token.len()).step_by(2).map(|at| u8::from_str_radix(&token[at..at + 2], 16).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(refuse)
}
