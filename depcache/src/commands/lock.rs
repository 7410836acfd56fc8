//! `depcache lock`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Args;
use depcache::lock::{self, Difference, Lock as LockFile};
use depcache::session::{Files, Session};
use depcache_resolve::{Departure, Resolution};
use domain::exit;
use serde_json::json;

use super::args::{Format, ResolveArgs};
use super::locking::{expand, make, open_index};
use super::proposal::ProposalArgs;
use super::rules::TargetArgs;
use super::upgrade::Upgrade;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Lock {
    /// Requirements files.
    #[arg(required = true, value_name = "REQUIREMENTS")]
    requirements: Vec<String>,
    #[command(flatten)]
    resolve: ResolveArgs,
    #[command(flatten)]
    target: TargetArgs,
    /// Lock to write; its versions are kept while they fit when it exists. Standard output when absent.
    #[arg(short, long, value_name = "pylock.toml")]
    output: Option<PathBuf>,
    /// Write the lock beside the requirements: pylock.toml, or pylock.NAME.toml for requirements-NAME.txt.
    #[arg(short, long, conflicts_with = "output")]
    write: bool,
    /// Write nothing; say whether the lock in --output or beside the requirements is what they give (exit code 1: it is not).
    /// With --upgrade: whether newer versions would be taken.
    #[arg(long, conflicts_with = "write")]
    check: bool,
    #[command(flatten)]
    upgrade: Upgrade,
    /// Write no addresses, names and hashes only.
    #[arg(long)]
    no_urls: bool,
    #[command(flatten)]
    proposal: ProposalArgs,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) async fn run(command: Lock) -> Result<(), Failure> {
    let session = command.resolve.session_for_target(&command.target)?;
    let files = command.resolve.files(&command.requirements);
    let path = match &command.output {
        None if command.write || command.check => Some(path_beside(&files)?),
        named => named.clone(),
    };
    // With --upgrade the earlier lock is only compared with.
    let earlier = match &path {
        Some(path) if command.check || !command.upgrade.is_all() => lock::read(path)?,
        _ => None,
    };
    let expanded = expand(&session, &files).await?;
    let index = open_index(&session, &expanded).await?;
    if command.check {
        let path = path.unwrap_or_default();
        return super::lock_check::run(
            &session,
            &expanded,
            &index,
            earlier,
            &path,
            &command.upgrade,
            command.format,
        )
        .await;
    }
    let told = (&command.proposal, command.format);
    let (lock, resolution) =
        make(&session, &expanded, &index, earlier.as_ref(), &command.upgrade, told).await?;
    tell(&resolution);
    if let Some(earlier) = &earlier {
        tell_changes(&Difference::between(earlier, &lock));
    }
    let lock = if command.no_urls { lock.without_urls() } else { lock };
    let text = written(&lock, path.as_deref())?;
    match (command.format, &path) {
        (Format::Json, path) => {
            if let Some(path) = path {
                output::write(Some(path), &text)?;
            }
            output::write(None, &format!("{:#}\n", document(&lock, &resolution)?))
        }
        (Format::Text, path) => output::write(path.as_deref(), &text),
    }
}

/// Locks beside the requirements, keeping the versions of the lock there: `--relock` of other commands.
pub(super) async fn relock(session: &Session, files: &Files) -> Result<(), Failure> {
    let path = path_beside(files)?;
    let expanded = expand(session, files).await?;
    let index = open_index(session, &expanded).await?;
    let earlier = lock::read(&path)?;
    let told = (&ProposalArgs::default(), Format::Text);
    let (lock, _) = make(session, &expanded, &index, earlier.as_ref(), &Upgrade::default(), told).await?;
    if let Some(earlier) = &earlier {
        tell_changes(&Difference::between(earlier, &lock));
    }
    output::write(Some(&path), &written(&lock, Some(&path))?)?;
    super::say(&format!("wrote {}", path.display()));
    Ok(())
}

fn path_beside(files: &Files) -> Result<PathBuf, Failure> {
    lock::path_beside(files).ok_or_else(|| {
        let hint = "name the lock with --output";
        Failure::new(exit::USAGE, "several requirements files have no lock beside them", Some(hint.into()))
    })
}

/// The lock's text, paths relative to where it will lie.
fn written(lock: &LockFile, path: Option<&Path>) -> Result<String, Failure> {
    let Some(path) = path else { return Ok(lock.to_toml()) };
    let unusable = |error: std::io::Error| Failure::of(exit::UNAVAILABLE, &error, None);
    let here = std::env::current_dir().map_err(unusable)?;
    Ok(lock.clone().rebased(&here, &lock::folder(path).map_err(unusable)?).to_toml())
}

fn tell_changes(difference: &Difference) {
    if !difference.is_empty() {
        super::say(difference.to_string().trim_end());
    }
}

fn tell(resolution: &Resolution) {
    for warning in &resolution.warnings {
        super::say(&format!("warning: {warning}"));
    }
    for line in resolution.departures_told() {
        super::say(&line);
    }
}

fn departure(one: &Departure) -> serde_json::Value {
    json!({
        "name": one.package, "recommended": one.recommended, "chosen": one.chosen.to_string(), "why": one.why,
        "file": one.origin.file, "line": one.origin.line,
    })
}

fn document(lock: &LockFile, resolution: &Resolution) -> Result<serde_json::Value, Failure> {
    let id = lock.id().map_err(|error| Failure::of(exit::BUG, &error, None))?;
    let packages: Vec<BTreeMap<_, _>> = lock
        .packages
        .iter()
        .map(|package| BTreeMap::from([("name", &package.name), ("version", &package.version)]))
        .collect();
    Ok(json!({
        "schema": 1, "lock_id": id, "base_id": lock.base_id, "mode": lock.mode,
        "requested": lock.requested, "packages": packages, "kept": lock.kept, "shadows": lock.shadows,
        "departures": resolution.departures.iter().map(departure).collect::<Vec<_>>(),
        "warnings": resolution.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    }))
}

impl From<lock::ReadLockError> for Failure {
    fn from(error: lock::ReadLockError) -> Self {
        match &error {
            lock::ReadLockError::Read { .. } => Self::of(exit::UNAVAILABLE, &error, None),
            lock::ReadLockError::Pylock { source, .. } => {
                Self::of(exit::DATA, &error, Some(source.hint().into()))
            }
        }
    }
}
