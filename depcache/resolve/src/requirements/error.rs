//! Why requirements files could not be expanded.

use std::fmt;

/// A file could not be read; the reader of files says why.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none.
    #[error("there is no such file")]
    NotFound,
    /// It exists, but reading failed.
    #[error("it cannot be read")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What is wrong with a line (or a file).
#[derive(Debug, thiserror::Error)]
pub enum RequirementsErrorKind {
    /// A file could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: String,
        /// Cause.
        #[source]
        source: ReadError,
    },
    /// A file is neither UTF-8 nor UTF-16 with byte order mark.
    #[error("{path} is not text in UTF-8")]
    Encoding {
        /// The file.
        path: String,
    },
    /// A bound was exceeded.
    #[error("{what} exceeds the limit of {limit}")]
    TooLarge {
        /// File size, number of files.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// The line is not a requirement.
    #[error("this is not a requirement: {reason}")]
    Malformed {
        /// What the parser stumbled over.
        reason: String,
        /// Character position in the text, from 0.
        column: usize,
    },
    /// pip knows it, we do not yet.
    #[error("{construct} is not supported yet")]
    Unsupported {
        /// Its name: "an editable requirement".
        construct: &'static str,
    },
    /// Nobody knows this option.
    #[error("unknown option {option}")]
    UnknownOption {
        /// The option.
        option: String,
    },
    /// An option without its value, or with a wrong one.
    #[error("the option {option} needs {expected}")]
    OptionValue {
        /// The option.
        option: String,
        /// What it needs.
        expected: &'static str,
    },
    /// A `--hash` that is not usable.
    #[error("{text} is not a usable hash")]
    Hash {
        /// The text.
        text: String,
    },
    /// `${NAME}` is not set.
    #[error("the variable {name} is not set")]
    Variable {
        /// Its name.
        name: String,
    },
    /// `--index-url` twice with different values.
    #[error("a second --index-url; the first is in {first}")]
    SecondIndex {
        /// `file:line`.
        first: String,
    },
    /// `--require-hashes`, but no hash or no exact version.
    #[error("this requirement has no {lacks}, but hashes are required")]
    HashesRequired {
        /// `hash` or `exact version (==)`.
        lacks: &'static str,
    },
}

/// An error with its place.
#[derive(Debug, thiserror::Error)]
pub struct RequirementsError {
    /// File as it was named; empty when the error concerns the command line.
    pub file: String,
    /// Line, from 1; absent when the error concerns the file.
    pub line: Option<usize>,
    /// The text of the line, if any.
    pub text: String,
    /// What is wrong.
    #[source]
    pub kind: RequirementsErrorKind,
}

impl fmt::Display for RequirementsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => write!(f, "{}", self.file),
        }
    }
}
