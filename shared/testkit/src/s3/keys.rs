//! Object keys as file paths, one to one.
//!
//! Each segment of a key becomes one name, percent-encoded; names of directories end with a bare `%`, which
//! no encoded text does. So `co` (a file) and `co/child` (a file in the directory `co%`) coexist.

use std::path::{Path, PathBuf};

use s3s::{S3Result, s3_error};

/// Marks a directory.
const DIRECTORY: char = '%';

/// File name of an empty last segment (`trail/`).
const EMPTY: &str = "%-";

/// What file systems allow for one name.
const NAME_LIMIT_BYTES: usize = 255;

/// The path of `key`, relative to its bucket.
pub(super) fn path(key: &str) -> S3Result<PathBuf> {
    let mut path = PathBuf::new();
    let mut segments = key.split('/').peekable();
    while let Some(segment) = segments.next() {
        let mut name = encode(segment);
        if segments.peek().is_some() {
            name.push(DIRECTORY);
        } else if name.is_empty() {
            EMPTY.clone_into(&mut name);
        }
        if name.len() > NAME_LIMIT_BYTES {
            return Err(s3_error!(KeyTooLongError, "a segment of the key does not fit in a file name"));
        }
        path.push(name);
    }
    Ok(path)
}

/// The segment that a name stands for, and whether it is a directory's; `None` for foreign names.
pub(super) fn segment(name: &str) -> Option<(String, bool)> {
    if name == EMPTY {
        return Some((String::new(), false));
    }
    match name.strip_suffix(DIRECTORY) {
        Some(directory) => Some((decode(directory)?, true)),
        None => Some((decode(name)?, false)),
    }
}

/// The directory below which every key with this prefix is, and that directory as a key prefix.
pub(super) fn folder(bucket: &Path, prefix: &str) -> S3Result<(PathBuf, String)> {
    let above = prefix.rfind('/').map_or("", |slash| &prefix[..=slash]);
    let mut path = bucket.to_owned();
    if !above.is_empty() {
        path.push(self::path(above)?);
        path.pop();
    }
    Ok((path, above.to_owned()))
}

/// Percent-encodes all but unreserved characters and `/`, as `encoding-type=url` wants it.
pub(super) fn url_encode(key: &str) -> String {
    encode_if(key, |_, letter| letter.is_ascii_alphanumeric() || "-._~/".contains(letter))
}

/// What is not ASCII stays as it is, so that a name is hardly ever longer than its segment.
fn encode(segment: &str) -> String {
    encode_if(segment, |at, letter| match letter {
        // A leading dot is encoded, so that `.` and `..` are ordinary names.
        '.' => at > 0,
        _ => letter.is_ascii_alphanumeric() || "-_~=+:@,".contains(letter) || !letter.is_ascii(),
    })
}

fn encode_if(text: &str, plain: impl Fn(usize, char) -> bool) -> String {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or_default().to_ascii_uppercase();
    let mut encoded = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        if plain(at, letter) {
            encoded.push(letter);
        } else {
            let mut bytes = [0; 4];
            for byte in letter.encode_utf8(&mut bytes).bytes() {
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    encoded
}

fn decode(name: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
            let (high, low) = (digit(rest.next())?, digit(rest.next())?);
            bytes.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn back(path: &Path) -> String {
        let names: Vec<_> = path.iter().map(|name| segment(name.to_str().unwrap()).unwrap()).collect();
        let last = names.len() - 1;
        assert!(names.iter().enumerate().all(|(at, (_, directory))| *directory == (at < last)));
        names.into_iter().map(|(segment, _)| segment).collect::<Vec<_>>().join("/")
    }

    proptest! {
        #[test]
        fn every_key_comes_back(key in "[a-z./%+=: \\PC]{1,40}") {
            prop_assert_eq!(back(&path(&key).unwrap()), key);
        }
    }

    #[test]
    fn no_key_leads_out_of_its_bucket() {
        for key in ["..", "../x", "a/../../x", "/etc/passwd", ".", "a//b", "trail/"] {
            let path = path(key).unwrap();
            assert!(
                path.components().all(|part| matches!(part, std::path::Component::Normal(_))),
                "{path:?}"
            );
            assert_eq!(back(&path), key);
        }
    }

    #[test]
    fn a_key_and_keys_below_it_coexist() {
        assert_eq!(path("co").unwrap(), Path::new("co"));
        assert_eq!(path("co/child").unwrap(), Path::new("co%/child"));
    }
}
