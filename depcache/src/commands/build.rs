//! `depcache build` and `depcache prewarm`.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use depcache::build::{self, BuildError, Built, Context, Inputs, Proposed, Source};
use depcache::session::Session;
use domain::exit;
use objectstore::Store;
use serde_json::json;

use super::args::{Format, ResolveArgs};
use super::{Failure, output, proposal};

#[derive(Debug, Args)]
pub(crate) struct StoreArgs {
    /// Object store: s3://bucket/prefix or file:///directory.
    #[arg(long, env = "UPDRAFT_STORE", value_name = "URL")]
    pub(crate) store: String,
}

impl StoreArgs {
    pub(crate) async fn open(&self) -> Result<Store, Failure> {
        Ok(Store::open(&self.store).await?)
    }
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// Requirements files, or one lock (pylock.toml, pylock.<name>.toml).
    #[arg(required = true, value_name = "REQUIREMENTS|pylock.toml")]
    requirements: Vec<String>,
    #[command(flatten)]
    resolve: ResolveArgs,
    #[command(flatten)]
    store: StoreArgs,
    /// On a refusal look for the smallest change that works, and build it.
    #[arg(long)]
    propose: bool,
    /// Lock again beside the requirements first, keeping the versions of the lock there while they fit.
    #[arg(long)]
    relock: bool,
    /// Volume for the import check. Layers stay there, so that a `fetch` to it has nothing left to do.
    #[arg(long, value_name = "DIR")]
    volume: Option<PathBuf>,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) async fn run(command: Build) -> Result<(), Failure> {
    let store = command.store.open().await?;
    let session = command.resolve.session()?;
    if command.relock {
        super::lock::relock(&session, &command.resolve.files(&command.requirements)).await?;
    }
    let source = source(&command.requirements, &command.resolve)?;
    let volume = command.volume.as_deref().map(prepared).transpose()?;
    let built = publish(session, store, source, volume, command.propose).await?;
    match command.format {
        Format::Text => output::write(None, &format!("{}\n", built.env_id)),
        Format::Json => output::write(None, &format!("{:#}\n", document(&built))),
    }
}

/// The volume, made when missing. Environments hold absolute paths of their volume.
pub(super) fn prepared(volume: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(volume)
        .and_then(|()| volume.canonicalize())
        .map_err(|error| Failure::of(exit::UNAVAILABLE, &error, None))
}

/// A lock by its file name (PEP 751), else requirements.
pub(super) fn source(requirements: &[String], resolve: &ResolveArgs) -> Result<Source, Failure> {
    // PEP 751 fixes the names, in lower case.
    let is_lock = |path: &str| {
        let name = Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name == "pylock.toml"
            || name.strip_prefix("pylock.").is_some_and(|rest| rest.strip_suffix(".toml").is_some())
    };
    match requirements {
        [path] if is_lock(path) => Ok(Source::Lock(Box::new(build::read_lock(Path::new(path))?))),
        all if all.iter().any(|path| is_lock(path)) => {
            let hint = "give either one lock or requirements files";
            Err(Failure::new(exit::USAGE, "a lock stands beside other files", Some(hint.into())))
        }
        all => Ok(Source::Files(resolve.files(all))),
    }
}

/// Builds, and says on standard error what was done.
pub(super) async fn publish(
    session: Session,
    store: Store,
    source: Source,
    volume: Option<PathBuf>,
    propose: bool,
) -> Result<Built, Failure> {
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let holder = format!("{host}:{}", std::process::id());
    let cache = session.cache.clone();
    let context = Context { session, store, volume, holder };
    let built = Box::pin(build::build(&context, &Inputs { source, propose })).await;
    // A build that failed has downloaded too.
    cache.trim();
    let built = built?;
    for warning in &built.warnings {
        super::say(&format!("warning: {warning}"));
    }
    let known = if built.known { " (already built)" } else { "" };
    super::say(&format!(
        "environment {}: {} layers, mode {}{known}",
        built.env_id.short(),
        built.manifest.layers.len(),
        mode(&built),
    ));
    Ok(built)
}

fn mode(built: &Built) -> &'static str {
    match built.manifest.mode {
        domain::Mode::Task => "task",
        domain::Mode::Process => "process",
    }
}

fn document(built: &Built) -> serde_json::Value {
    json!({
        "schema": 1,
        "env_id": built.env_id,
        "base_id": built.manifest.base_id,
        "lock_id": built.manifest.lock_id,
        "mode": built.manifest.mode,
        "known": built.known,
        "layers": built.manifest.layers.len(),
        "layers_built": built.layers_built,
        "layers_reused": built.layers_reused,
        "warnings": built.warnings,
        "timings_ms": built.timings_ms,
    })
}

impl From<objectstore::Error> for Failure {
    fn from(error: objectstore::Error) -> Self {
        let code = match &error {
            objectstore::Error::Address { .. } => exit::USAGE,
            _ => exit::UNAVAILABLE,
        };
        Self::of(code, &error, error.hint().map(Into::into))
    }
}

impl From<BuildError> for Failure {
    fn from(error: BuildError) -> Self {
        let (code, hint) = (error.exit_code(), error.hint());
        match error {
            BuildError::Requirements(error) => error.into(),
            BuildError::Open(error) => error.into(),
            BuildError::Resolve(error) => error.into(),
            BuildError::Lock(error) => error.into(),
            BuildError::Store(error) => error.into(),
            BuildError::Unsolvable { conflict, proposal } => {
                Self::new(code, with_proposal(conflict.to_string(), proposal.as_deref()), None)
            }
            BuildError::Imports { ref failures, ref proposal, .. } => {
                let mut text = error.to_string();
                for failure in failures {
                    write!(text, "\n  - {}: {}", failure.name, failure.failure).ok();
                }
                Self::new(code, with_proposal(text, proposal.as_deref()), hint)
            }
            other => Self::of(code, &other, hint),
        }
    }
}

fn with_proposal(message: String, proposed: Option<&Proposed>) -> String {
    let Some(proposed) = proposed else { return message };
    let head = format!(
        "This change works; it was resolved, built and imported (environment {}):",
        proposed.built.env_id.short()
    );
    format!("{message}\n\n{}", proposal::render(&proposed.changes, &proposed.files, &head))
}

#[derive(Debug, Args)]
pub(crate) struct Prewarm {
    /// Requirements files.
    #[arg(required = true, value_name = "REQUIREMENTS")]
    requirements: Vec<String>,
    /// Build for this base as well as for --base (a file of `depcache base describe`).
    #[arg(long = "target", value_name = "base.json")]
    targets: Vec<PathBuf>,
    #[command(flatten)]
    resolve: ResolveArgs,
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) async fn prewarm(command: Prewarm) -> Result<(), Failure> {
    let store = command.store.open().await?;
    let mut sessions = Vec::new();
    if command.targets.is_empty() {
        sessions.push(command.resolve.session()?);
    }
    for target in &command.targets {
        let base = depcache::base::read(target)?;
        sessions.push(command.resolve.session_for(base));
    }
    for session in sessions {
        let base = session.base.base.id().map_err(|error| Failure::of(exit::BUG, &error, None))?;
        let source = source(&command.requirements, &command.resolve)?;
        let built = publish(session, store.clone(), source, None, false).await?;
        output::write(None, &format!("{base} {}\n", built.env_id))?;
    }
    Ok(())
}
