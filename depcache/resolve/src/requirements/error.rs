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
    /// It is at an address that did not answer.
    #[error("it is not available")]
    Unavailable {
        /// Whether the same call may succeed later.
        retryable: bool,
        /// What the connection said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// The name of a package could not be found out from the place that a line names.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NameError {
    /// What was looked at, and what is missing.
    pub reason: String,
    /// Whether what was asked did not answer, rather than answer wrongly.
    pub unavailable: bool,
    /// Cause, if there is another.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
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
    /// pip knows it, we do not.
    #[error("{construct} is not supported")]
    Unsupported {
        /// Its name: "a requirement from Mercurial".
        construct: &'static str,
        /// What to write instead.
        hint: &'static str,
    },
    /// A place that a package cannot be taken from.
    #[error("`{text}` cannot be installed: {problem}")]
    Place {
        /// The place, without credentials.
        text: String,
        /// What is wrong with it.
        problem: String,
        /// What to write instead.
        hint: &'static str,
    },
    /// A place that does not tell which package it holds.
    #[error("the package at {place} has no name")]
    Nameless {
        /// The place, without credentials.
        place: String,
        /// Why it could not be found out.
        #[source]
        source: NameError,
    },
    /// Something in a project's file that is not as the specifications want it.
    #[error("this is not a usable pyproject.toml: {reason}")]
    Project {
        /// What is wrong.
        reason: String,
    },
    /// An extra or a group that a project does not have.
    #[error("there is no {what} named {name}")]
    Missing {
        /// `extra`, `dependency group`.
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// Names that there are.
        known: String,
    },
    /// A quote that is not closed.
    #[error("a quote is not closed")]
    Quote,
    /// A constraint that names more than versions.
    #[error("a constraint cannot {what}")]
    Constraint {
        /// `have extras`.
        what: &'static str,
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
    pub kind: Box<RequirementsErrorKind>,
}

impl fmt::Display for RequirementsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.file),
            None => write!(f, "{}", self.file),
        }
    }
}

impl RequirementsError {
    /// Whether something that was asked did not answer: the files may be right.
    pub fn is_unavailable(&self) -> bool {
        match &*self.kind {
            RequirementsErrorKind::Read { source: ReadError::Unavailable { .. }, .. } => true,
            RequirementsErrorKind::Nameless { source, .. } => source.unavailable,
            _ => false,
        }
    }

    /// What to do, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        use RequirementsErrorKind as Kind;
        Some(match &*self.kind {
            Kind::Read { source: ReadError::NotFound, .. } => {
                "paths behind -r and -c are relative to the file that names them".into()
            }
            Kind::Read { .. } | Kind::OptionValue { .. } => return None,
            Kind::Nameless { .. } => "write the name before it, as in `name @ …`".into(),
            Kind::Project { .. } => {
                "[project] is specified in PEP 621, [dependency-groups] in PEP 735".into()
            }
            Kind::Missing { known, .. } => format!("known: {known}"),
            Kind::Quote => "quotes group the value of an option; remove it or close it".into(),
            Kind::Constraint { .. } => "a constraint is a package name with versions, as in `numpy<2`".into(),
            Kind::Encoding { .. } => "save the file as UTF-8".into(),
            Kind::TooLarge { .. } => "is this a requirements file?".into(),
            Kind::Malformed { .. } => {
                "expected a package name with an optional version, as in `pandas>=2.0,<3`".into()
            }
            Kind::Unsupported { hint, .. } | Kind::Place { hint, .. } => (*hint).into(),
            Kind::UnknownOption { .. } => "remove it, or check its spelling".into(),
            Kind::Hash { .. } => "expected --hash=sha256:<64 digits> (also sha384, sha512)".into(),
            Kind::Variable { name } => format!("set {name} where this runs, or write the value"),
            Kind::SecondIndex { .. } => "use --extra-index-url for further indexes".into(),
            Kind::HashesRequired { .. } => {
                "one line with --hash makes hashes required for all: pin with == and add --hash to each"
                    .into()
            }
        })
    }

    /// The whole message, several lines: place and error, the line itself, the hint.
    pub fn render(&self) -> String {
        use std::error::Error as _;
        let mut first = format!("{self}: {}", self.kind);
        let mut source = self.kind.source();
        while let Some(cause) = source {
            first = format!("{first}: {cause}");
            source = cause.source();
        }
        let mut lines = vec![first];
        if let (Some(line), false) = (self.line, self.text.is_empty()) {
            let gutter = line.to_string();
            let plain = crate::reference::shown(&self.text);
            let text = shortened(&plain);
            lines.push(format!("  {gutter} | {text}"));
            if let RequirementsErrorKind::Malformed { column, .. } = *self.kind
                && column <= text.chars().count()
            {
                lines.push(format!("  {} | {}^", " ".repeat(gutter.len()), " ".repeat(column)));
            }
        }
        lines.extend(self.hint().map(|hint| format!("hint: {hint}")));
        lines.join("\n")
    }
}

/// Lines with hashes are long, and nobody reads on at column 120.
fn shortened(text: &str) -> String {
    const MAX_CHARACTERS: usize = 120;
    if text.chars().count() <= MAX_CHARACTERS {
        return text.to_owned();
    }
    format!("{}…", text.chars().take(MAX_CHARACTERS).collect::<String>())
}
