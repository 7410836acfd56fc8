//! What a probe answers, and what becomes of it.

use std::fmt;
use std::path::Path;

use domain::environment::{ImportCheck, ParseCheck};
use serde::{Deserialize, Serialize};

use super::{Import, Parse};

/// One line of a traceback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    /// File.
    pub file: String,
    /// Line, from 1; 0 when unknown.
    pub line: u32,
    /// Function; `<module>` at top level.
    pub function: String,
    /// The line's text, cut.
    pub text: String,
}

/// An exception that ended an import or a parse.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Class of the exception; `Timeout` or `Crash` when the interpreter was ended.
    pub exception: String,
    /// Its message, cut.
    pub message: String,
    /// Innermost line of the user's own code.
    #[serde(default)]
    pub place: Option<Frame>,
    /// The innermost lines of the traceback, outermost first.
    #[serde(default)]
    pub frames: Vec<Frame>,
    /// Normalised name of the distribution in whose code it broke, when that is another than the failing one.
    #[serde(default)]
    pub culprit: Option<String>,
}

/// `dags/a.py:3: ModuleNotFoundError: No module named 'x'`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{}:{}: ", place.file, place.line)?;
        }
        write!(f, "{}: {}", self.exception, self.message)?;
        match &self.culprit {
            Some(culprit) => write!(f, " (in {culprit})"),
            None => Ok(()),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct ImportAnswer {
    name: String,
    modules: Vec<String>,
    failure: Option<Failure>,
    culprit: Option<String>,
    took_ms: u64,
}

impl From<ImportAnswer> for Import {
    fn from(answer: ImportAnswer) -> Self {
        let culprit = answer.culprit;
        let failure = answer.failure.map(|failure| Failure { culprit, ..failure });
        let error = failure.as_ref().map(ToString::to_string);
        let check =
            ImportCheck { name: answer.name, modules: answer.modules, error, took_ms: answer.took_ms };
        Self { check, failure }
    }
}

#[derive(Deserialize)]
pub(super) struct ParseAnswer {
    path: String,
    dags: Vec<String>,
    failure: Option<Failure>,
    culprit: Option<String>,
    unprovable: bool,
    took_ms: u64,
}

impl ParseAnswer {
    /// The answer with places of `tree` as its readers know them.
    pub(super) fn relative_to(self, tree: &Path) -> Parse {
        let relative = |mut frame: Frame| {
            if let Ok(path) = Path::new(&frame.file).strip_prefix(tree) {
                frame.file = path.display().to_string();
            }
            frame
        };
        let culprit = self.culprit;
        let failure = self.failure.map(|failure| Failure {
            place: failure.place.map(relative),
            frames: failure.frames.into_iter().map(relative).collect(),
            culprit,
            ..failure
        });
        let error = failure.as_ref().map(ToString::to_string);
        let check = ParseCheck { path: self.path, dags: self.dags, error, took_ms: self.took_ms };
        Parse { check, failure, unprovable: self.unprovable }
    }
}
