//! Hashes of files.

use std::fmt;
use std::str::FromStr;

/// Hash algorithms that a requirement may name. Weaker ones are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum HashAlgorithm {
    /// SHA-256.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// `sha256:<hex>`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileHash {
    /// Algorithm.
    pub algorithm: HashAlgorithm,
    /// Lower-case hexadecimal digits, as many as the algorithm has.
    pub hex: String,
}

/// Text that is not a usable file hash.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{text}` is not a file hash: expected sha256:, sha384: or sha512: and its hexadecimal digits")]
pub struct FileHashError {
    /// The text.
    pub text: String,
}

impl FromStr for FileHash {
    type Err = FileHashError;

    fn from_str(text: &str) -> Result<Self, FileHashError> {
        let refuse = || FileHashError { text: text.to_owned() };
        let (name, hex) = text.split_once(':').ok_or_else(refuse)?;
        let (algorithm, digits) = match name.to_ascii_lowercase().as_str() {
            "sha256" => (HashAlgorithm::Sha256, 64),
            "sha384" => (HashAlgorithm::Sha384, 96),
            "sha512" => (HashAlgorithm::Sha512, 128),
            _ => return Err(refuse()),
        };
        let hex = hex.to_ascii_lowercase();
        if hex.len() != digits || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        Ok(Self { algorithm, hex })
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.algorithm {
            HashAlgorithm::Sha256 => "sha256",
            HashAlgorithm::Sha384 => "sha384",
            HashAlgorithm::Sha512 => "sha512",
        };
        write!(f, "{name}:{}", self.hex)
    }
}
