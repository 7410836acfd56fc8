//! What locking and building share: a base, index settings, a cache, and resolving with them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use depcache_resolve::requirements::{Outside, ReadError, Selection, is_remote};
use depcache_resolve::{
    Conflict, DirectReference, Expanded, Proposal, RequirementsError, Resolution, ResolveError,
};
use domain::canonical::CanonicalError;
use domain::{BaseRecord, Request};
use uv_normalize::PackageName;

use crate::direct;
use crate::facts::IndexFacts;
use crate::index::{
    Cache, Flags, Index, IndexAddress, IndexError, Settings, SettingsError, Sources, Strategy,
};
use crate::lock::LockInputs;
pub use crate::options::Options;
use crate::progress::Progress;
use crate::source::Frontend;

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

    /// Reads requirements and constraints with everything that they include. Blocking; inside a runtime when files
    /// are at addresses.
    pub fn expand(&self, files: &Files) -> Result<Expanded, RequirementsError> {
        let requirements: Vec<&str> = files.requirements.iter().map(String::as_str).collect();
        let constraints: Vec<&str> = files.constraints.iter().map(String::as_str).collect();
        let read = |path: &str| {
            if is_remote(path) { self.read_remote(path) } else { read_file(&files.root, path) }
        };
        let name = |reference: &DirectReference| direct::name(self, reference);
        let exists = |path: &str| files.root.join(path).exists();
        let outside = Outside {
            read: &read,
            exists: &exists,
            name: &name,
            variables: &self.variables,
            selection: &files.selection,
        };
        let mut expanded = depcache_resolve::expand_with(&requirements, &constraints, &outside)?;
        for (files, entries) in
            [(&files.overrides, &mut expanded.overrides), (&files.recommended, &mut expanded.recommended)]
        {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            *entries = depcache_resolve::requirements::only_requirements(&files, &read, &self.variables)?;
        }
        direct::seal(&mut expanded);
        Ok(expanded)
    }

    /// Settings of a client for what requirements name by address, before it is known which indexes they name.
    pub(crate) fn settings_without_index(&self) -> Result<Settings, SettingsError> {
        let environment = |name: &str| self.variables.get(name).cloned();
        Settings::without_index(&environment, self.offline)
    }

    /// A requirements or constraints file at an address.
    fn read_remote(&self, address: &str) -> Result<Vec<u8>, ReadError> {
        let refuse = |retryable, source: Box<dyn std::error::Error + Send + Sync>| ReadError::Unavailable {
            retryable,
            source,
        };
        let url = reqwest::Url::parse(address).map_err(|error| ReadError::Unreadable(Box::new(error)))?;
        let settings = self.settings_without_index();
        let mut settings = settings.map_err(|error| ReadError::Unreadable(Box::new(error)))?;
        settings.places.extend(IndexAddress::with_login(url.clone()));
        let mut plain = url;
        // Both fail only for addresses without a host, which have no credentials either.
        plain.set_username("").and_then(|()| plain.set_password(None)).ok();
        let client =
            Index::new(settings, self.cache.clone()).map_err(|error| refuse(false, Box::new(error)))?;
        let limit_bytes = depcache_resolve::requirements::MAX_FILE_BYTES as u64;
        let read = wait(client.document(&plain, limit_bytes));
        match read.map_err(|error| ReadError::Unreadable(Box::new(error)))? {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(IndexError::NotFound { .. }) => Err(ReadError::NotFound),
            Err(error) => Err(refuse(error.is_retryable(), Box::new(error))),
        }
    }

    /// A client of the indexes that flags, files and settings name. Blocking: may ask the interpreter's pip.
    pub fn open_index(&self, expanded: &Expanded) -> Result<Index, OpenError> {
        let files = Flags {
            index_url: expanded.options.index_url.clone(),
            extra_index_urls: expanded.options.extra_index_urls.clone(),
            find_links: expanded.options.find_links.clone(),
            no_index: expanded.options.no_index,
            ..Flags::default()
        };
        let environment = |name: &str| self.variables.get(name).cloned();
        let sources = Sources {
            flags: &self.flags,
            files: &files,
            environment: &environment,
            python: Some(Path::new(&self.base.base.interpreter.executable)),
            cache: Some(&self.cache),
        };
        let mut settings =
            Settings::resolve(&sources, self.strategy, self.offline).map_err(OpenError::Settings)?;
        settings.places = direct::logins(expanded);
        Index::new(settings, self.cache.clone()).map_err(OpenError::Client)
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

    /// Facts of the index, source distributions included.
    fn facts(frontend: &Frontend) -> IndexFacts {
        IndexFacts::new(frontend.index().clone(), tokio::runtime::Handle::current())
            .with_frontend(frontend.clone())
    }

    /// What a lock of these requirements is made from.
    pub fn lock_inputs(&self, expanded: &Expanded, index: &Index) -> Result<LockInputs, CanonicalError> {
        let mut plain = self.clone();
        // An earlier lock is no input of the next one: what it says, the lock itself holds.
        plain.options.preferences.clear();
        let protect: Vec<_> = self.options.protect.iter().map(ToString::to_string).collect();
        LockInputs::new(&plain.request(expanded, index)?, &expanded.options, &protect)
    }

    /// Resolves on a blocking thread.
    pub async fn resolve(&self, index: &Index, expanded: &Expanded) -> Result<Resolution, ResolveError> {
        self.resolve_with(&Frontend::new(self, index), expanded).await
    }

    /// [`Session::resolve`] with a frontend that knows what is being built around.
    pub(crate) async fn resolve_with(
        &self,
        frontend: &Frontend,
        expanded: &Expanded,
    ) -> Result<Resolution, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(frontend);
        blocking(move || depcache_resolve::resolve(&input, &facts)).await
    }

    /// Why the environment of `resolution` has a package, or has it not.
    pub async fn why(
        &self,
        index: &Index,
        expanded: &Expanded,
        resolution: Resolution,
        name: PackageName,
    ) -> Result<depcache_resolve::why::Answer, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::why::why(&input, &facts, &resolution, &name)).await
    }

    /// Looks for the smallest change of the user's lines that resolves `conflict`.
    pub async fn propose(
        &self,
        index: &Index,
        expanded: &Expanded,
        conflict: Conflict,
    ) -> Result<Option<Proposal>, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose(&input, &facts, &conflict)).await
    }

    /// Looks for the smallest changes of the user's lines that resolve `conflict`, best first.
    pub async fn propose_all(
        &self,
        index: &Index,
        expanded: &Expanded,
        conflict: Conflict,
    ) -> Result<Vec<Proposal>, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose_all(&input, &facts, &conflict)).await
    }

    /// Looks for an upper bound of `culprit` under which `failing` may work.
    pub async fn propose_cap(
        &self,
        index: &Index,
        expanded: &Expanded,
        failing: PackageName,
        culprit: PackageName,
    ) -> Result<Option<Proposal>, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose_cap(&input, &facts, &failing, &culprit)).await
    }

    /// Whether the index tells when releases of the package were uploaded.
    pub async fn knows_uploads(&self, index: &Index, package: PackageName) -> Result<bool, ResolveError> {
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose::knows_uploads(&facts, &package)).await
    }

    /// Looks for another version of `failing`, which does not work as it resolves now.
    pub async fn propose_other(
        &self,
        index: &Index,
        expanded: &Expanded,
        failing: PackageName,
    ) -> Result<Option<Proposal>, ResolveError> {
        let input = self.options.input(expanded, &self.base);
        let facts = Self::facts(&Frontend::new(self, index));
        blocking(move || depcache_resolve::propose_other(&input, &facts, &failing)).await
    }
}

/// Runs blocking work off the async threads; a panic in it goes on in the caller.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(value) => value,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Waits for a future from code that blocks; inside a runtime with several threads.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> Result<T, tokio::runtime::TryCurrentError> {
    let runtime = tokio::runtime::Handle::try_current()?;
    Ok(tokio::task::block_in_place(|| runtime.block_on(future)))
}

fn read_file(root: &Path, path: &str) -> Result<Vec<u8>, ReadError> {
    std::fs::read(root.join(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => ReadError::NotFound,
        _ => ReadError::Unreadable(Box::new(error)),
    })
}
