//! `depcache export`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use depcache::export::{Licences, cyclonedx, licences, listed, requirements};
use depcache::lock::Lock;
use depcache_resolve::Expanded;
use domain::exit;

use super::args::ResolveArgs;
use super::locked::LockStore;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A pylock.toml, or the id of an environment.
    #[arg(value_name = "LOCK")]
    lock: String,
    /// What to write.
    #[arg(long, value_enum)]
    format: ExportFormat,
    /// File to write; standard output when absent.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    store: LockStore,
    #[command(flatten)]
    resolve: ResolveArgs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ExportFormat {
    /// Software bill of materials with hashes and licences, JSON.
    #[value(name = "cyclonedx-1.6", alias = "cyclonedx")]
    CycloneDx,
    /// A requirements file with hashes.
    Requirements,
    /// Licence and package, one per line.
    Licenses,
}

pub(crate) async fn run(command: Export) -> Result<(), Failure> {
    let lock = command.store.read(&command.lock).await?;
    let text = match command.format {
        ExportFormat::Requirements => requirements(&lock),
        ExportFormat::Licenses => listed(&lock, &read(&command, &lock).await?),
        ExportFormat::CycloneDx => {
            let licences = read(&command, &lock).await?;
            let document =
                cyclonedx(&lock, &licences).map_err(|error| Failure::of(exit::BUG, &error, None))?;
            format!("{document:#}\n")
        }
    };
    output::write(command.output.as_deref(), &text)
}

/// Licences stand in METADATA, which the index or the cache has.
async fn read(command: &Export, lock: &Lock) -> Result<Licences, Failure> {
    let session = command.resolve.session_to_fetch()?;
    let index = super::locking::open_index(&session, &Expanded::default()).await?;
    let licences = licences(lock, &index).await;
    for missed in &licences.missed {
        super::say(&format!("warning: {missed}"));
    }
    Ok(licences)
}
