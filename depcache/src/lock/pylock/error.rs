//! Why a text is no lock that can be installed here.

use super::LOCK_VERSION;

/// Why a text is no lock that can be installed here.
#[derive(Debug, thiserror::Error)]
pub enum PylockError {
    /// No TOML, or fields of another shape.
    #[error("it is no pylock.toml")]
    Toml(#[source] toml::de::Error),
    /// A lock of a later format.
    #[error("its lock-version is {found}, this program reads {LOCK_VERSION}")]
    Version {
        /// What it says.
        found: String,
    },
    /// It was written by another tool and has no `[tool.updraft]`.
    #[error(
        "{tool} wrote it, and it has no [tool.updraft] table: it says for no base and target what to install"
    )]
    Foreign {
        /// Its `created-by`.
        tool: String,
    },
    /// A package name that is not in normal form, or none.
    #[error("`{name}` is not the normal form of a package name")]
    PackageName {
        /// What stands there.
        name: String,
    },
    /// A package that is named twice.
    #[error("{package} stands there twice; a lock for one target names a package once")]
    Twice {
        /// The package.
        package: String,
    },
    /// A version that is missing, malformed, or not in normal form.
    #[error("{package} has no usable version: `{version}`")]
    PackageVersion {
        /// The package.
        package: String,
        /// What stands there; empty: nothing.
        version: String,
    },
    /// A package with several wheels.
    #[error("{package} names {found} wheels; a lock for one target names one")]
    Wheels {
        /// The package.
        package: String,
        /// How many it names.
        found: usize,
    },
    /// A package with no source, or with several.
    #[error("{package} has {found} sources; it needs one of wheels, sdist, archive, vcs, directory")]
    Sources {
        /// The package.
        package: String,
        /// How many it has.
        found: usize,
    },
    /// A file without a readable sha256.
    #[error("{filename} has no sha256")]
    Hash {
        /// File name.
        filename: String,
    },
    /// A file name that is not the package's.
    #[error("{filename} is not a {kind} of {package} {version}")]
    Name {
        /// File name.
        filename: String,
        /// `wheel`, `source distribution`.
        kind: &'static str,
        /// The package.
        package: String,
        /// Its version.
        version: String,
    },
    /// A field that leads elsewhere or says nothing.
    #[error("{package}: {field} `{value}` {problem}")]
    Field {
        /// The package.
        package: String,
        /// Name of the field.
        field: &'static str,
        /// What stands there.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl PylockError {
    /// What to do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Foreign { .. } => {
                "lock with `depcache lock requirements.txt -o pylock.toml`; other tools read that lock too"
            }
            Self::Version { .. } => "write it again with this program, or use the program that wrote it",
            _ => "write it with `depcache lock … -o pylock.toml`",
        }
    }
}
