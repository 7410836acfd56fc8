//! What locking and building share: a base, index settings, a cache, and resolving with them.

mod expand;
mod open;
mod resolve;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use depcache_resolve::Expanded;
use depcache_resolve::requirements::Selection;
use domain::canonical::CanonicalError;
use domain::{BaseRecord, Request};

use crate::index::{Cache, Flags, Index, IndexError, SettingsError, Strategy};
use crate::lock::LockInputs;
pub use crate::options::Options;
use crate::progress::Progress;

/// A base with everything that resolving for it needs.
#[derive(Debug, Clone)]
pub struct Session {
    /// The base.
    pub base: BaseRecord,
    /// Cache of pages, metadata and wheels.
    pub cache: Cache,
    /// Index settings of the command line.
    pub flags: Flags,
    /// How several indexes are used together.
    pub strategy: Strategy,
    /// Use the cache only.
    pub offline: bool,
    /// Environment variables: index settings, `${NAME}` in requirements files.
    pub variables: BTreeMap<String, String>,
    /// What else decides.
    pub options: Options,
    /// Who is told.
    pub progress: Progress,
}

/// Requirements files on disk.
#[derive(Debug, Clone, Default)]
pub struct Files {
    /// Directory to which the names are relative.
    pub root: PathBuf,
    /// Requirements files, as messages will name them.
    pub requirements: Vec<String>,
    /// Constraints files, likewise.
    pub constraints: Vec<String>,
    /// What of projects (`pyproject.toml`) is wanted.
    pub selection: Selection,
    /// Files whose lines replace every requirement of their names, likewise.
    pub overrides: Vec<String>,
    /// Files whose lines are tried first and given up when needed, likewise.
    pub recommended: Vec<String>,
}

/// Why no index client could be made.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The settings are wrong.
    #[error("the index settings are not usable")]
    Settings(#[source] SettingsError),
    /// The client could not be made.
    #[error("the index client cannot be set up")]
    Client(#[source] IndexError),
}

impl Session {
    /// A session with the process's environment variables, the default cache and default options.
    pub fn new(base: BaseRecord) -> Self {
        let variables: BTreeMap<String, String> = std::env::vars().collect();
        let variable = |name: &str| variables.get(name).cloned();
        let cache = Cache::at(Cache::default_dir(&variable)).bounded(&variable);
        Self {
            base,
            cache,
            flags: Flags::default(),
            strategy: Strategy::default(),
            offline: false,
            variables,
            options: Options::default(),
            progress: Progress::default(),
        }
    }

    /// The identity-giving form of a request.
    pub fn request(&self, expanded: &Expanded, index: &Index) -> Result<Request, CanonicalError> {
        let lines = |entries: &[depcache_resolve::requirements::Entry]| {
            let lines: BTreeSet<String> = entries
                .iter()
                .map(|entry| {
                    let hashes: BTreeSet<String> =
                        entry.allowed_hashes().map(|h| format!(" --hash={h}")).collect();
                    let content = entry.direct.as_ref().and_then(|direct| direct.content.as_deref());
                    let content = content.map(|hex| format!(" (sha256 {hex})")).unwrap_or_default();
                    format!("{entry}{content}{}", hashes.into_iter().collect::<String>())
                })
                .collect();
            lines.into_iter().collect::<Vec<_>>()
        };
        Ok(Request {
            schema: domain::request::SCHEMA,
            requirements: lines(&expanded.requirements),
            constraints: lines(&expanded.constraints),
            base_id: self.base.base.id()?,
            // Rules of their own kind ride with the policy's name, so that they are part of the identity.
            base_policy: self.options.policy(expanded),
            protected: self.options.protected(&self.base),
            index: index.settings().policy(),
            exclude_newer: self.options.exclude_newer.map(|moment| moment.to_string()),
            verify: "imports".into(),
        })
    }

    /// What a lock of these requirements is made from.
    pub fn lock_inputs(&self, expanded: &Expanded, index: &Index) -> Result<LockInputs, CanonicalError> {
        let mut plain = self.clone();
        // An earlier lock is no input of the next one: what it says, the lock itself holds.
        plain.options.preferences.clear();
        let protect: Vec<_> = self.options.protect.iter().map(ToString::to_string).collect();
        LockInputs::new(&plain.request(expanded, index)?, &expanded.options, &protect)
    }
}
