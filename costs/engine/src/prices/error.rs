use std::path::PathBuf;

/// Why there are no prices.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PricesError {
    /// It is no TOML, or not of the expected shape.
    #[error("{}:{line}: {message}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// The parser's words: what was found, what was expected.
        message: String,
    },
    /// A value that cannot be used.
    #[error("{}:{line}: {setting} = \"{value}\": {problem}", path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Its name.
        setting: &'static str,
        /// As given.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// An entry without a price, or with two.
    #[error("{}:{line}: {problem}", path.display())]
    Entry {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl PricesError {
    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Shape { message, .. } if message.contains("expected a string") => {
                "quote prices, so that they are read exactly: core_hour = \"0.0316\""
            }
            Self::Shape { .. } => "docs/reference/prices.md shows every setting",
            Self::Value { .. } => "prices are decimal numbers of at most nine decimals: \"0.0316\"",
            Self::Entry { .. } => {
                "give [cpu] core_hour and [memory] gib_hour, or [instance] hour, cpus and memory_gib"
            }
        }
    }
}
