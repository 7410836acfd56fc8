use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use uv_normalize::PackageName;

use super::advice;
use super::unpack::UnpackError;
use crate::build::BuildError;
use crate::index::IndexError;

/// Lines of a build's log that a message shows.
const SHOWN_LINES: usize = 15;
/// Characters of one of them.
const SHOWN_WIDTH: usize = 300;

/// Why a source tree gave no metadata or no wheel. `label` is what messages call the tree.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The rules forbid to build it.
    #[error("{label} would have to be built from source, which {rule} forbids")]
    Refused {
        /// The tree.
        label: String,
        /// `--no-build`, …
        rule: &'static str,
    },
    /// Only a build could tell, and the target is not this machine.
    #[error("{label} would have to be built from source, and nothing can be built here for another target")]
    ForeignTarget {
        /// The tree.
        label: String,
    },
    /// The kernel gives no sandbox, and the rules want one.
    #[error("{label} would have to be built from source, and this machine has no sandbox for it: {said}")]
    NoSandbox {
        /// The tree.
        label: String,
        /// What the system said.
        said: String,
    },
    /// What a requirement names by its place could not be had.
    #[error("{label} cannot be had")]
    Place {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: Box<crate::direct::DirectError>,
    },
    /// It could not be fetched.
    #[error("{label} cannot be fetched")]
    Fetch {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: IndexError,
    },
    /// Its archive is damaged or hostile.
    #[error("{label} cannot be unpacked")]
    Unpack {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: UnpackError,
    },
    /// No directory of this name in the tree.
    #[error("{label} has no directory {subdirectory}")]
    Subdirectory {
        /// The tree.
        label: String,
        /// As it was asked for.
        subdirectory: String,
    },
    /// Nothing that could be built.
    #[error("{label} is no Python project: it has neither pyproject.toml nor setup.py")]
    NoProject {
        /// The tree.
        label: String,
    },
    /// A directory with more than a project has.
    #[error("{label} holds more than {limit} files")]
    TooManyFiles {
        /// The tree.
        label: String,
        /// The bound.
        limit: u64,
    },
    /// `pyproject.toml` is no TOML.
    #[error("pyproject.toml of {label} cannot be read")]
    Pyproject {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// `[build-system]` is wrong.
    #[error("the [build-system] of {label} cannot be used: {what}")]
    BuildSystem {
        /// The tree.
        label: String,
        /// What is wrong.
        what: String,
    },
    /// What builds it needs itself.
    #[error("{label} cannot be built: its build needs itself ({chain})")]
    Cycle {
        /// The tree.
        label: String,
        /// `a → b → a`.
        chain: String,
    },
    /// The build requirements cannot be had.
    #[error("the build environment of {label} cannot be made")]
    Environment {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: Box<BuildError>,
    },
    /// `setpriv` could not be started.
    #[error("the build of {label} cannot be started")]
    Start {
        /// The tree.
        label: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The backend failed.
    #[error("{hook} of {backend} failed for {label} with {status}{log}")]
    Hook {
        /// The tree.
        label: String,
        /// `build_wheel`, …
        hook: &'static str,
        /// The backend.
        backend: String,
        /// How its process ended.
        status: String,
        /// Its last words.
        log: LogEnd,
    },
    /// The backend reached a bound and was ended.
    #[error("{hook} was ended for {label}: {limit}{log}")]
    Limit {
        /// The tree.
        label: String,
        /// `build_wheel`, …
        hook: &'static str,
        /// Which bound.
        limit: Limit,
        /// Its last words.
        log: LogEnd,
    },
    /// The backend answered something that the standard does not allow.
    #[error("{hook} gave an unusable answer for {label}: {what}")]
    Answer {
        /// The tree.
        label: String,
        /// `build_wheel`, …
        hook: &'static str,
        /// What is wrong.
        what: String,
    },
    /// It is another project or version than it claims from outside.
    #[error("{label} turns out to be {found} instead of {expected}")]
    Other {
        /// The tree.
        label: String,
        /// `numpy 1.26.4`.
        expected: String,
        /// Likewise.
        found: String,
    },
    /// The wheel is not what the sources promised.
    #[error(
        "the wheel built of {label} does not keep what its sources promise: {field} is {built} instead of {promised}"
    )]
    Differs {
        /// The tree.
        label: String,
        /// `Requires-Dist`, `Requires-Python`, `Provides-Extra`.
        field: &'static str,
        /// In the sources.
        promised: String,
        /// In the wheel.
        built: String,
    },
    /// The wheel does not run here, or is broken.
    #[error("the wheel {filename} built of {label} cannot be used: {what}")]
    Wheel {
        /// The tree.
        label: String,
        /// The wheel.
        filename: String,
        /// What is wrong.
        what: String,
    },
    /// Another process has been building the same for too long.
    #[error("another process has been building {label} for more than {waited_s} s")]
    Busy {
        /// The tree.
        label: String,
        /// Seconds waited.
        waited_s: u64,
    },
    /// This machine's disk.
    #[error("{} cannot be used", path.display())]
    Disk {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A bound that a build reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Wall time.
    Time(Duration),
    /// Bytes on disk.
    Disk(u64),
    /// Bytes of output.
    Output(u64),
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(limit) => write!(f, "it took more than {} s", limit.as_secs()),
            Self::Disk(limit) => write!(f, "it wrote more than {} MB", limit / 1_000_000),
            Self::Output(limit) => write!(f, "it said more than {} MB", limit / 1_000_000),
        }
    }
}

/// The end of a build's log. Display begins a new line for each of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEnd {
    /// The last lines, cut.
    pub lines: Vec<String>,
    /// Where all of it is kept.
    pub kept: Option<PathBuf>,
    advice: Option<String>,
}

impl LogEnd {
    /// Of the last part of a log.
    pub(super) fn new(text: &str, kept: Option<PathBuf>) -> Self {
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let shown = lines[lines.len().saturating_sub(SHOWN_LINES)..].iter();
        // Terminals obey control characters, logs of hostile builds hold them.
        let clean = |line: &&str| -> String {
            line.chars().filter(|c| !c.is_control() || *c == '\t').take(SHOWN_WIDTH).collect()
        };
        Self { lines: shown.map(clean).collect(), kept, advice: advice::of(text) }
    }
}

impl fmt::Display for LogEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            write!(f, "\n  | {line}")?;
        }
        match &self.kept {
            Some(path) => write!(f, "\n  whole log: {}", path.display()),
            None => Ok(()),
        }
    }
}

impl SourceError {
    /// Whether the same call may succeed later with nothing changed.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Fetch { source, .. } => source.is_retryable(),
            Self::Place { source, .. } => source.is_retryable(),
            Self::Environment { source, .. } => source.is_retryable(),
            Self::Busy { .. } => true,
            _ => false,
        }
    }

    /// Whether it says something about this file only, so that a resolution goes on with other versions.
    ///
    /// A build that fails ends the resolution, as with pip and uv: going on would quietly choose an older release, after
    /// perhaps hours of building one after the other.
    pub fn spoils_only_the_file(&self) -> bool {
        match self {
            Self::Refused { .. }
            | Self::ForeignTarget { .. }
            | Self::NoProject { .. }
            | Self::Pyproject { .. }
            | Self::BuildSystem { .. }
            | Self::Other { .. } => true,
            Self::Unpack { source, .. } => source.is_archive_at_fault(),
            Self::Fetch { source, .. } => matches!(source, IndexError::NotFound { .. }),
            _ => false,
        }
    }

    /// What the user can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Refused { .. } => "choose a version with wheels, or allow the build".into(),
            Self::ForeignTarget { .. } => {
                "choose a version with wheels, or lock on a machine of that target".into()
            }
            Self::NoSandbox { .. } => {
                "--build-sandbox=if-possible (UPDRAFT_BUILD_SANDBOX) builds without one; or let the container use user \
                 namespaces, or build where that is possible"
                    .into()
            }
            Self::Place { source, .. } => return source.hint(),
            Self::Fetch { source, .. } => return source.hint(),
            Self::Unpack { source, .. } if source.is_archive_at_fault() => {
                "the archive is not what a build tool makes; choose another version, and tell who published it".into()
            }
            Self::Environment { source, .. } => return source.hint(),
            Self::Start { .. } => "install util-linux (setpriv, unshare, prlimit)".into(),
            Self::Hook { log, .. } => match &log.advice {
                Some(advice) => advice.clone(),
                None => "read the log; another version may have wheels for this Python".into(),
            },
            Self::Limit { limit: Limit::Time(_), .. } => {
                "allow more with UPDRAFT_BUILD_TIMEOUT_S, or choose a version with wheels".into()
            }
            Self::Limit { limit: Limit::Disk(_), .. } => {
                "allow more with UPDRAFT_BUILD_DISK_BYTES, or choose a version with wheels".into()
            }
            Self::Differs { .. } => {
                "its authors must mark the field as dynamic; choose another version or a wheel".into()
            }
            Self::Wheel { .. } | Self::Answer { .. } | Self::Limit { .. } | Self::Other { .. } => {
                "choose another version, and tell the project".into()
            }
            Self::Cycle { .. } => "choose versions with wheels of what is needed for building".into(),
            Self::Busy { .. } => "try again later".into(),
            Self::Disk { .. } | Self::Unpack { .. } => "check permissions and free space".into(),
            Self::Subdirectory { .. }
            | Self::NoProject { .. }
            | Self::TooManyFiles { .. }
            | Self::Pyproject { .. }
            | Self::BuildSystem { .. } => return None,
        })
    }

    /// The exit code of a command that ends with it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Fetch { source, .. } => source.exit_code(),
            Self::Place { source, .. } => source.exit_code(),
            Self::Environment { source, .. } => source.exit_code(),
            Self::Unpack { source: UnpackError::Write { .. }, .. }
            | Self::Disk { .. }
            | Self::Start { .. }
            | Self::NoSandbox { .. } => domain::exit::UNAVAILABLE,
            Self::Busy { .. } => domain::exit::TRY_AGAIN,
            _ => domain::exit::DATA,
        }
    }
}

/// `a → b → a`.
pub(super) fn chain_text(chain: &[PackageName], last: &PackageName) -> String {
    let names: Vec<&str> = chain.iter().chain([last]).map(AsRef::as_ref).collect();
    names.join(" → ")
}
