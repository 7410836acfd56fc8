//! `depcache lock`.

use std::path::PathBuf;

use clap::Args;
use depcache::lock::Lock as LockFile;
use depcache::progress::Event;
use depcache::session::{Session, blocking};
use depcache_resolve::{Departure, Expanded, Resolution, ResolveError};
use domain::exit;
use serde_json::json;

use super::args::{Format, ResolveArgs};
use super::proposal::ProposalArgs;
use super::rules::TargetArgs;
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
    /// Lock to write; also preferred as earlier lock when it exists. Standard output when absent.
    #[arg(short, long, value_name = "pylock.toml")]
    output: Option<PathBuf>,
    /// Ignore the earlier lock in --output.
    #[arg(long)]
    upgrade: bool,
    /// Ignore the earlier lock for this package.
    #[arg(long, value_name = "NAME")]
    upgrade_package: Vec<uv_normalize::PackageName>,
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
    let Lock { requirements, resolve, output: path, upgrade, upgrade_package, .. } = &command;
    let mut session = resolve.session_for_target(&command.target)?;
    if let (Some(path), false) = (path, upgrade) {
        session.options.preferences = earlier_pins(path)?;
        for name in upgrade_package {
            session.options.preferences.remove(name);
        }
    }
    let (reading, files) = (session.clone(), resolve.files(requirements));
    let expanded = blocking(move || reading.expand(&files)).await?;
    let opened = session.clone();
    let of_index = expanded.clone();
    let index = blocking(move || opened.open_index(&of_index)).await?;
    let started = std::time::Instant::now();
    session.progress.tell(Event::Started { step: "resolve", total: 0 });
    let resolution = match session.resolve(&index, &expanded).await {
        Err(ResolveError::Conflict(conflict)) => {
            return Err(command
                .proposal
                .refuse(&session, &index, &expanded, &conflict, command.format)
                .await?);
        }
        other => other?,
    };
    let lock = LockFile::new(&session.base.base, &resolution, &index).await?;
    tell(&session, &expanded, &resolution, started);
    let lock = if command.no_urls { lock.without_urls() } else { lock };
    let id = lock.id().map_err(|error| Failure::of(exit::BUG, &error, None))?;
    match (command.format, path) {
        (Format::Json, _) => {
            if let Some(path) = path {
                output::write(Some(path), &lock.to_toml())?;
            }
            let packages: Vec<_> =
                lock.packages.iter().map(|p| json!({"name": p.name, "version": p.version})).collect();
            let document = json!({
                "schema": 1, "lock_id": id, "base_id": lock.base_id, "mode": lock.mode,
                "requested": lock.requested, "packages": packages, "kept": lock.kept, "shadows": lock.shadows,
                "departures": resolution.departures.iter().map(departure).collect::<Vec<_>>(),
                "warnings": resolution.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
            });
            output::write(None, &format!("{document:#}\n"))
        }
        (Format::Text, path) => output::write(path.as_deref(), &lock.to_toml()),
    }
}

fn tell(session: &Session, expanded: &Expanded, resolution: &Resolution, started: std::time::Instant) {
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let outcome = format!(
        "{} requirements: {} packages to install, {} of the base kept, {} replaced",
        expanded.requirements.len(),
        resolution.packages.len(),
        resolution.kept.len(),
        resolution.shadows.len(),
    );
    session.progress.tell(Event::Finished { step: "resolve", took_ms, outcome: &outcome });
    for warning in &resolution.warnings {
        super::say(&format!("warning: {warning}"));
    }
    for departure in &resolution.departures {
        super::say(&format!("not as recommended: {departure}"));
    }
}

fn departure(one: &Departure) -> serde_json::Value {
    json!({
        "name": one.package, "recommended": one.recommended, "chosen": one.chosen.to_string(), "why": one.why,
        "file": one.origin.file, "line": one.origin.line,
    })
}

type Pins = std::collections::BTreeMap<uv_normalize::PackageName, pep440_rs::Version>;

/// Pins of the lock that is about to be replaced.
fn earlier_pins(path: &std::path::Path) -> Result<Pins, Failure> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Pins::new()),
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            return Err(Failure::new(exit::UNAVAILABLE, message, None));
        }
    };
    let lock = LockFile::from_toml(&text)?;
    let pins = lock.packages.iter().filter_map(|p| Some((p.name.parse().ok()?, p.version.parse().ok()?)));
    Ok(pins.collect())
}
