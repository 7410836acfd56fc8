//! Which keys every backend can hold, and how a store's address is read.

use std::path::PathBuf;

use crate::Error;

/// Prefix of the directory backend's own files beside the objects.
pub(crate) const RESERVED_PREFIX: &str = ".updraft.";

/// S3's limit for a whole key.
const KEY_LIMIT_BYTES: usize = 1024;

/// What file systems allow for one name.
const SEGMENT_LIMIT_BYTES: usize = 255;

/// Where a store is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Directory(PathBuf),
    /// The prefix is empty or ends with `/`.
    S3 {
        bucket: String,
        prefix: String,
    },
}

pub(crate) fn parse_address(url: &str) -> Result<Address, Error> {
    let refuse = |problem| Error::Address { url: url.to_owned(), problem };
    if let Some(path) = url.strip_prefix("file://") {
        if !path.starts_with('/') {
            return Err(refuse("the path after file:// must start with `/`"));
        }
        return Ok(Address::Directory(PathBuf::from(path)));
    }
    let Some(rest) = url.strip_prefix("s3://") else {
        return Err(refuse("it starts with neither s3:// nor file://"));
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    if !(3..=63).contains(&bucket.len()) || !bucket.bytes().all(allowed) {
        return Err(refuse("a bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`"));
    }
    let prefix = prefix.trim_end_matches('/');
    if prefix.is_empty() {
        return Ok(Address::S3 { bucket: bucket.to_owned(), prefix: String::new() });
    }
    check(prefix)
        .map_err(|_| refuse("the prefix has an empty, `.` or `..` segment or a control character"))?;
    Ok(Address::S3 { bucket: bucket.to_owned(), prefix: format!("{prefix}/") })
}

/// Refuses keys that one of the backends cannot hold.
pub(crate) fn check(key: &str) -> Result<(), Error> {
    let problem = if key.is_empty() {
        Some("it is empty")
    } else if key.len() > KEY_LIMIT_BYTES {
        Some("it is longer than 1024 bytes")
    } else if key.chars().any(char::is_control) {
        Some("it has a control character")
    } else {
        key.split('/').find_map(segment_problem)
    };
    problem.map_or(Ok(()), |problem| Err(Error::Key { key: key.to_owned(), problem }))
}

fn segment_problem(segment: &str) -> Option<&'static str> {
    match segment {
        "" => Some("it has an empty segment"),
        "." | ".." => Some("it has a `.` or `..` segment"),
        _ if segment.len() > SEGMENT_LIMIT_BYTES => Some("it has a segment of more than 255 bytes"),
        _ if segment.starts_with(RESERVED_PREFIX) => {
            Some("segments that start with `.updraft.` are reserved")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let s3 = |bucket: &str, prefix: &str| Address::S3 { bucket: bucket.into(), prefix: prefix.into() };
        assert_eq!(parse_address("s3://bkt").unwrap(), s3("bkt", ""));
        assert_eq!(parse_address("s3://bkt/").unwrap(), s3("bkt", ""));
        assert_eq!(parse_address("s3://bkt/a b/c+d/").unwrap(), s3("bkt", "a b/c+d/"));
        assert_eq!(parse_address("file:///x/y").unwrap(), Address::Directory("/x/y".into()));
    }

    #[test]
    fn wrong_addresses_are_explained() {
        let say = |url| parse_address(url).unwrap_err().to_string();
        insta::assert_snapshot!(say("/x"), @"`/x` is not an object store address: it starts with neither s3:// nor file://");
        insta::assert_snapshot!(say("file://x"), @"`file://x` is not an object store address: the path after file:// must start with `/`");
        insta::assert_snapshot!(say("s3://A/b"), @"`s3://A/b` is not an object store address: a bucket's name has 3 to 63 lower-case letters, digits, `-` and `.`");
        insta::assert_snapshot!(say("s3://bkt/a//b"), @"`s3://bkt/a//b` is not an object store address: the prefix has an empty, `.` or `..` segment or a control character");
    }

    #[test]
    fn keys_that_a_file_system_cannot_hold_are_refused() {
        for key in ["", "/a", "a/", "a//b", "a/../b", ".", "a\nb", "a/.updraft.lock", &"x".repeat(256)] {
            assert!(check(key).is_err(), "{key:?}");
        }
        for key in
            ["dag_id=a+b/run_id=m__2026-01-01T00:00:00+00:00/x y%20.log", "ünï/日本/😀.txt", "co/child"]
        {
            check(key).unwrap();
        }
    }
}
