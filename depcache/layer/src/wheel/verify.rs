//! What a RECORD promises about the members.

use std::collections::HashMap;

use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::WheelError;
use super::csv::{RecordRow, base64_url};

/// The rows of a wheel's RECORD by path.
#[derive(Debug)]
pub(super) struct Promises(HashMap<String, RecordRow>);

impl Promises {
    /// Refused: rows that contradict each other, hashes that prove nothing.
    pub(super) fn new(rows: Vec<RecordRow>) -> Result<Self, WheelError> {
        let mut promises: HashMap<String, RecordRow> = HashMap::with_capacity(rows.len());
        for row in rows {
            let path = row.path.trim_start_matches("./").to_owned();
            if let Some((algorithm, _)) = row.hash.split_once('=')
                && !["sha256", "sha384", "sha512"].contains(&algorithm)
            {
                let algorithm = algorithm.chars().take(20).collect();
                return Err(WheelError::WeakRecord { path, algorithm });
            }
            if let Some(other) = promises.get(&path)
                && (&other.hash, &other.size) != (&row.hash, &row.size)
            {
                return Err(WheelError::RecordTwice { path });
            }
            promises.insert(path, row);
        }
        Ok(Self(promises))
    }

    /// What to hash while the member `path` is read. Members without a row, or with a row without a hash (RECORD
    /// itself, signatures, old build backends), are accepted as every installer accepts them: the wheel's own
    /// digest, which the lock pins, covers them.
    pub(super) fn check(&self, path: &str) -> Check<'_> {
        let row = self.0.get(path);
        let hash = row.and_then(|row| row.hash.split_once('=')).and_then(|(algorithm, expected)| {
            let running = match algorithm {
                "sha256" => Running::Sha256(Sha256::new()),
                "sha384" => Running::Sha384(Sha384::new()),
                "sha512" => Running::Sha512(Sha512::new()),
                _ => return None,
            };
            Some((running, expected))
        });
        Check { hash, size: row.and_then(|row| row.size.parse().ok()) }
    }
}

/// One member's promise.
pub(super) struct Check<'r> {
    hash: Option<(Running, &'r str)>,
    size: Option<u64>,
}

enum Running {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Check<'_> {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        match &mut self.hash {
            Some((Running::Sha256(hash), _)) => hash.update(bytes),
            Some((Running::Sha384(hash), _)) => hash.update(bytes),
            Some((Running::Sha512(hash), _)) => hash.update(bytes),
            None => {}
        }
    }

    pub(super) fn finish(self, path: &str, size: u64) -> Result<(), WheelError> {
        let broken = |what| Err(WheelError::Record { path: path.to_owned(), what });
        if self.size.is_some_and(|expected| expected != size) {
            return broken("size");
        }
        let Some((running, expected)) = self.hash else { return Ok(()) };
        let found = match running {
            Running::Sha256(hash) => base64_url(&hash.finalize()),
            Running::Sha384(hash) => base64_url(&hash.finalize()),
            Running::Sha512(hash) => base64_url(&hash.finalize()),
        };
        if found == expected.trim_end_matches('=') { Ok(()) } else { broken("hash") }
    }
}
