//! Options that several commands share.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use depcache::index::{Cache, Flags, Strategy};
use depcache::session::{Files, Options, Session};
use depcache_resolve::requirements::Selection;
use domain::BaseRecord;
use uv_normalize::{ExtraName, GroupName, PackageName};

use super::Failure;
use super::progress;
use super::rules::{RulesArgs, TargetArgs};
use super::sources::SourceArgs;

/// Answer on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Format {
    /// For people and simple scripts.
    #[default]
    Text,
    /// One document with a `schema` field.
    Json,
}

/// Which base.
#[derive(Debug, Args)]
pub(crate) struct BaseArgs {
    /// A description (base.json), an interpreter, or `none`: nothing is installed but the interpreter.
    #[arg(long, value_name = "FILE|PYTHON|none", default_value = "python3")]
    pub(crate) base: String,
    /// Interpreter of `--base none`.
    #[arg(long, value_name = "PATH", default_value = "python3")]
    pub(crate) python: String,
}

impl BaseArgs {
    /// Describes or reads the base. Blocking.
    fn load(&self, cache: &Cache) -> Result<BaseRecord, Failure> {
        self.fixed(cache).unwrap_or_else(|| Ok(depcache::base::describe_cached(&self.base, cache)?))
    }

    /// The base as far as fetching needs it. Blocking.
    fn identify(&self, cache: &Cache) -> Result<BaseRecord, Failure> {
        self.fixed(cache).unwrap_or_else(|| Ok(depcache::base::identify_cached(&self.base, cache)?))
    }

    fn fixed(&self, cache: &Cache) -> Option<Result<BaseRecord, Failure>> {
        if self.base == "none" {
            return Some(depcache::base::describe_none(&self.python, cache).map_err(Into::into));
        }
        let is_file = Path::new(&self.base).extension().is_some_and(|extension| extension == "json");
        is_file.then(|| depcache::base::read(Path::new(&self.base)).map_err(Into::into))
    }
}

/// Requirements and what decides their resolution.
#[derive(Debug, Args)]
pub(crate) struct ResolveArgs {
    /// Constraints file.
    #[arg(short, long = "constraint", value_name = "FILE")]
    pub(crate) constraints: Vec<String>,
    /// Extra of a pyproject.toml that is wanted too.
    #[arg(long = "extra", value_name = "NAME")]
    extras: Vec<ExtraName>,
    /// All extras of a pyproject.toml.
    #[arg(long)]
    all_extras: bool,
    /// Dependency group of a pyproject.toml that is wanted too.
    #[arg(long = "group", value_name = "NAME")]
    groups: Vec<GroupName>,
    #[command(flatten)]
    pub(crate) base: BaseArgs,
    #[command(flatten)]
    pub(crate) rules: RulesArgs,
    #[command(flatten)]
    sources: SourceArgs,
    #[command(flatten)]
    pub(crate) index: IndexArgs,
}

/// Where packages come from.
#[derive(Debug, Args)]
pub(crate) struct IndexArgs {
    /// Package index (also UPDRAFT_INDEX_URL, and uv's and pip's settings).
    #[arg(long, value_name = "URL")]
    index_url: Option<String>,
    /// One more index, asked before --index-url.
    #[arg(long, value_name = "URL")]
    extra_index_url: Vec<String>,
    /// The first index that has a package answers alone, or all are merged (pip's way: whoever can write to any index can replace any package).
    #[arg(long, value_enum, default_value = "first-index")]
    index_strategy: StrategyArg,
    /// Take this package from this index only, and nothing else from there (also UPDRAFT_INDEX_FOR).
    #[arg(long, value_name = "PACKAGE=URL|INDEX", value_parser = pin)]
    index_for: Vec<(PackageName, String)>,
    /// Directory or page with loose files.
    #[arg(short, long, value_name = "DIR|URL")]
    find_links: Vec<String>,
    /// Ask no index.
    #[arg(long)]
    no_index: bool,
    /// Authorities that are trusted instead of the machine's (also pip's cert; SSL_CERT_FILE replaces the machine's).
    #[arg(long, value_name = "PEM")]
    cert: Option<PathBuf>,
    /// Certificate and key to show to indexes (also pip's client-cert, SSL_CLIENT_CERT).
    #[arg(long, value_name = "PEM")]
    client_cert: Option<PathBuf>,
    /// `subprocess` asks the program `keyring` when an index wants credentials (also uv's and pip's settings).
    #[arg(long, value_name = "disabled|subprocess")]
    keyring_provider: Option<String>,
    /// Use the cache only.
    #[arg(long)]
    offline: bool,
    /// Cache directory (also UPDRAFT_CACHE_DIR).
    #[arg(long, value_name = "DIR")]
    cache_dir: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StrategyArg {
    FirstIndex,
    UnsafeBestMatch,
}

impl ResolveArgs {
    /// The session that these options describe. Blocking: describes the base.
    pub(crate) fn session(&self) -> Result<Session, Failure> {
        Ok(self.session_for(self.base.load(&self.index.cache())?))
    }

    /// The session for the base's own target or another one. Blocking: describes the base.
    pub(crate) fn session_for_target(&self, target: &TargetArgs) -> Result<Session, Failure> {
        let base = self.base.load(&self.index.cache())?;
        let Some(other) = target.other(&base) else { return Ok(self.session_for(base)) };
        let mut session = self.session_for(other.apply(base)?);
        session.options.builds.is_foreign_target = true;
        Ok(session)
    }

    /// A session that can fetch, but not resolve. Blocking, short.
    pub(crate) fn session_to_fetch(&self) -> Result<Session, Failure> {
        Ok(self.session_for(self.base.identify(&self.index.cache())?))
    }

    /// The session of these options for another base.
    pub(crate) fn session_for(&self, base: BaseRecord) -> Session {
        let mut session = Session::new(base);
        session.options = Options {
            no_binary: self.sources.no_binary(),
            builds: self.sources.rules(&session.variables),
            ..self.rules.options()
        };
        self.index.apply(&mut session);
        session
    }

    /// Requirements files with these constraints, relative to the working directory.
    pub(crate) fn files(&self, requirements: &[String]) -> Files {
        Files {
            root: PathBuf::from("."),
            requirements: requirements.to_vec(),
            constraints: self.constraints.clone(),
            selection: Selection {
                extras: self.extras.iter().cloned().collect(),
                all_extras: self.all_extras,
                groups: self.groups.iter().cloned().collect(),
            },
            overrides: self.rules.overrides.clone(),
            recommended: self.rules.prefer.clone(),
        }
    }
}

impl IndexArgs {
    fn cache(&self) -> Cache {
        let default = || Cache::default_dir(&|name| std::env::var(name).ok());
        Cache::at(self.cache_dir.clone().unwrap_or_else(default))
    }

    fn apply(&self, session: &mut Session) {
        session.flags = Flags {
            index_url: self.index_url.clone(),
            extra_index_urls: self.extra_index_url.clone(),
            find_links: self.find_links.clone(),
            no_index: self.no_index,
            index_for: self.index_for.clone(),
            cert: self.cert.clone(),
            client_cert: self.client_cert.clone(),
            keyring_provider: self.keyring_provider.clone(),
        };
        session.strategy = match self.index_strategy {
            StrategyArg::FirstIndex => Strategy::FirstIndex,
            StrategyArg::UnsafeBestMatch => Strategy::UnsafeBestMatch,
        };
        session.offline = self.offline;
        session.cache = self.cache();
        session.progress = progress::to_stderr();
    }
}

fn pin(text: &str) -> Result<(PackageName, String), String> {
    let expected = || "expected a package and its index (torch=https://host.example/simple)".to_owned();
    let (name, index) = text.split_once('=').ok_or_else(expected)?;
    Ok((name.parse().map_err(|_| expected())?, index.to_owned()))
}
