//! What is wrong with a settings file, and where.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// `run` refuses the file.
    Error,
    /// It works, probably not as meant.
    Warning,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Line, from 1.
    pub line: usize,
    /// How bad.
    pub level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

/// The findings of one file, in its order.
#[derive(Debug, Clone, Serialize)]
pub struct Findings {
    /// The file.
    pub path: PathBuf,
    #[serde(skip)]
    text: String,
    /// The findings.
    pub findings: Vec<Finding>,
}

impl Findings {
    pub(super) fn new(path: &Path, text: &str) -> Self {
        Self { path: path.to_owned(), text: text.to_owned(), findings: Vec::new() }
    }

    pub(super) fn add(&mut self, level: Level, span: Range<usize>, message: String, hint: &str) {
        let line = line_of(&self.text, span.start);
        self.findings.push(Finding { line, level, message, hint: hint.to_owned() });
        self.findings.sort_by_key(|finding| finding.line);
    }

    /// Whether `run` must refuse the file.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.level == Level::Error)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, finding) in self.findings.iter().enumerate() {
            let level = if finding.level == Level::Error { "error" } else { "warning" };
            let separator = if n == 0 { "" } else { "\n" };
            write!(f, "{separator}{}:{}: {level}: {}", self.path.display(), finding.line, finding.message)?;
            write!(f, "\n    hint: {}", finding.hint)?;
        }
        Ok(())
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("{}: cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML, or not of the expected shape.
    #[error("{}:{line}: {message}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What was expected.
        message: String,
    },
    /// It contradicts itself.
    #[error("{0}")]
    Contradictory(Findings),
}

impl SettingsError {
    pub(super) fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> Self {
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        Self::Syntax { path: path.to_owned(), line, message: error.message().to_owned() }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|&&byte| byte == b'\n').count() + 1
}
