//! The answer of a resolution.

use std::fmt;
use std::sync::Arc;

use domain::Mode;
use domain::environment::Shadow;
use pep440_rs::Version;
use uv_normalize::{ExtraName, PackageName};

use crate::facts::{FactsError, Metadata, PackageFile};
use crate::hash::FileHash;
use crate::requirements::{Expanded, Note, Origin};

/// A package to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// Normalised name.
    pub name: PackageName,
    /// Version.
    pub version: Version,
    /// Extras that somebody asked for, sorted.
    pub extras: Vec<ExtraName>,
    /// The file to install from: the wheel with the best tags, or the source distribution where none fits.
    pub file: PackageFile,
    /// Other files of the version that the target could use too, best first.
    pub alternatives: Vec<PackageFile>,
    /// What it was resolved with: metadata of `file`.
    pub metadata: Arc<Metadata>,
    /// Hashes that the user allows; empty: any. The download must match one of them.
    pub allowed_hashes: Vec<FileHash>,
    /// Names of installed or kept packages that it requires, sorted (`via` lines, `why`).
    pub requires: Vec<PackageName>,
}

/// A distribution of the base that a requirement reached and that stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Normalised name.
    pub name: PackageName,
    /// Version in the base.
    pub version: Version,
}

/// Something the user should know although the resolution succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// A requested extra does not exist.
    MissingExtra {
        /// Package.
        package: PackageName,
        /// Version that lacks it.
        version: Version,
        /// Extra.
        extra: ExtraName,
    },
    /// The base contradicts itself; its requirement was left out.
    BaseConflict {
        /// Distribution of the base.
        distribution: String,
        /// Its requirement.
        requirement: String,
        /// What the base has instead; absent: nothing.
        found: Option<String>,
    },
    /// A requirement of a kept base distribution cannot be read; it was left out.
    BaseRequirement {
        /// Distribution of the base.
        distribution: String,
        /// The text.
        requirement: String,
    },
    /// A chosen version was withdrawn from its index.
    Yanked {
        /// Package.
        package: PackageName,
        /// Version.
        version: Version,
        /// Why, when the index says so.
        reason: String,
    },
    /// Something in the user's files is read, but not done.
    Input {
        /// What and where.
        note: Note,
    },
    /// `--exclude` leaves out what others ask for.
    Excluded {
        /// What is left out.
        package: PackageName,
        /// Lines and package versions that ask for it.
        required_by: Vec<String>,
    },
    /// A distribution that Airflow has loaded is replaced, as asked for.
    ShadowsLoaded {
        /// The replaced distribution.
        shadow: Shadow,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MissingExtra { package, version, extra } => {
                write!(f, "{package} {version} has no extra named {extra}; nothing is added for it")
            }
            Self::BaseConflict { distribution, requirement, found: Some(found) } => {
                write!(
                    f,
                    "the base contradicts itself: {distribution} requires {requirement}, the base has {found}"
                )
            }
            Self::BaseConflict { distribution, requirement, found: None } => {
                write!(
                    f,
                    "the base contradicts itself: {distribution} requires {requirement}, which the base lacks"
                )
            }
            Self::BaseRequirement { distribution, requirement } => {
                write!(f, "{distribution} of the base has a requirement that cannot be read: {requirement}")
            }
            Self::Yanked { package, version, reason } if reason.is_empty() => {
                write!(f, "{package} {version} was withdrawn from its index")
            }
            Self::Yanked { package, version, reason } => {
                write!(f, "{package} {version} was withdrawn from its index: {reason}")
            }
            Self::Input { note } => write!(f, "{note}"),
            Self::Excluded { package, required_by } => {
                write!(f, "{package} is left out by --exclude, though {} asks for it", required_by.join(", "))
            }
            Self::ShadowsLoaded { shadow } => write!(
                f,
                "{} {} replaces {} that Airflow has loaded: tasks need a worker process of their own",
                shadow.name, shadow.version, shadow.base_version
            ),
        }
    }
}

/// A set of packages that satisfies all requirements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolution {
    /// Packages to install, sorted by name.
    pub packages: Vec<Pinned>,
    /// Distributions of the base that the requirements reach and that stay, sorted by name.
    pub kept: Vec<Kept>,
    /// Distributions of the base that installed packages replace, sorted by name.
    pub shadows: Vec<Shadow>,
    /// How workers may use the environment.
    pub mode: Mode,
    /// Names that the user's requirement lines name (and whose markers hold), sorted.
    pub requested: Vec<PackageName>,
    /// What the user should know.
    pub warnings: Vec<Warning>,
    /// Recommendations (`--prefer`) that were not followed, by name.
    pub departures: Vec<Departure>,
}

/// A recommendation that was not followed, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Departure {
    /// Package.
    pub package: PackageName,
    /// The recommendation, `numpy==1.26.4`.
    pub recommended: String,
    /// Where it stands.
    pub origin: Origin,
    /// What is used instead.
    pub chosen: Version,
    /// What excluded it, in words, beginning in lower case.
    pub why: String,
}

impl fmt::Display for Departure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { package, recommended, chosen, why, .. } = self;
        write!(f, "{recommended} was left for {package} {chosen}: {why}")
    }
}

/// Departures that are told one by one. Constraints published for another release of Airflow differ in hundreds.
const MAX_DEPARTURES_TOLD: usize = 20;

impl Resolution {
    /// Departures in lines for people: those that a requirement caused one by one, the base's and what is too many as
    /// numbers.
    pub fn departures_told(&self) -> Vec<String> {
        let is_kept = |one: &&Departure| self.kept.iter().any(|kept| kept.name == one.package);
        let of_base = self.departures.iter().filter(is_kept).count();
        let others: Vec<_> = self.departures.iter().filter(|one| !is_kept(one)).collect();
        let told = others.iter().take(MAX_DEPARTURES_TOLD);
        let mut lines: Vec<String> = told.map(|one| format!("not as recommended: {one}")).collect();
        if others.len() > MAX_DEPARTURES_TOLD {
            let more = others.len() - MAX_DEPARTURES_TOLD;
            lines.push(format!("not as recommended: {more} more; --format json lists all with the reason"));
        }
        if of_base > 0 {
            lines.push(format!(
                "not as recommended: {of_base} that the base has in another version, which stays"
            ));
        }
        lines
    }

    /// The package of this name, if it is to be installed.
    pub fn package(&self, name: &PackageName) -> Option<&Pinned> {
        self.packages.iter().find(|package| package.name == *name)
    }
}

/// Why there is no resolution, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// One sentence.
    pub summary: String,
    /// The steps, one line each, in an order that reads.
    pub steps: Vec<String>,
    /// What could be done, one line each.
    pub hints: Vec<String>,
    /// The user's lines that take part, by file and line.
    pub involved: Vec<Origin>,
    /// Packages that take part, sorted.
    pub packages: Vec<PackageName>,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        for step in &self.steps {
            write!(f, "\n  - {step}")?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// Why [`crate::resolve`] gave no resolution.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// No set of packages satisfies all requirements. Display is the whole explanation.
    #[error("{0}")]
    Conflict(Box<Conflict>),
    /// An index did not answer.
    #[error("the facts about {package} are not available")]
    Facts {
        /// Package asked for.
        package: PackageName,
        /// Cause.
        #[source]
        source: FactsError,
    },
    /// The base's description is not usable.
    #[error("the base's description has no usable {field}")]
    Base {
        /// Marker or field name.
        field: String,
    },
    /// The resolver went on for too long.
    #[error("no answer after {decisions} decisions")]
    TooLong {
        /// Decisions taken.
        decisions: u64,
    },
}

impl ResolveError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Facts { source, .. } if source.retryable)
    }

    /// What to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Conflict(_) => None,
            Self::Facts { source, .. } => source.hint.clone(),
            Self::Base { .. } => Some("describe the base again with `depcache base describe`".into()),
            Self::TooLong { .. } => Some("pin more of the requested packages to narrow the search".into()),
        }
    }
}

/// One changed, added or removed line of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// File.
    pub file: String,
    /// Line in the new text, from 1.
    pub line: usize,
    /// The requirement before; absent: the line is new.
    pub before: Option<String>,
    /// The requirement after.
    pub after: String,
    /// Why, one sentence.
    pub why: String,
}

/// A change of the user's own lines that resolves. It was resolved.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// What was changed, in the order of files and lines.
    pub changes: Vec<Change>,
    /// The requirements with the changes; the new text of each file is in `expanded.files`.
    pub expanded: Expanded,
    /// What they resolve to.
    pub resolution: Resolution,
}
