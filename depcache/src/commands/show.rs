//! `depcache show` and `depcache verify`.

use std::fmt::Write;

use clap::Args;
use depcache::build::{Health, check_layers, read_attestation, read_manifest};
use domain::{EnvId, Manifest, Mode, exit};
use serde_json::json;

use super::args::Format;
use super::build::StoreArgs;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Environment id.
    #[arg(value_name = "ENV")]
    env_id: EnvId,
    #[command(flatten)]
    store: StoreArgs,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

pub(crate) async fn run(command: Show) -> Result<(), Failure> {
    let store = command.store.open().await?;
    let manifest = existing(&store, command.env_id).await?;
    let attestation = read_attestation(&store, command.env_id).await?;
    let text = match command.format {
        Format::Json => {
            let document = json!({"schema": 1, "env_id": command.env_id, "manifest": manifest, "attestation": attestation});
            format!("{document:#}\n")
        }
        Format::Text => {
            let mut text = format!("environment {}\n", command.env_id);
            let mut line = |name: &str, value: String| {
                // Writing to a string cannot fail.
                writeln!(text, "{name:<10} {value}").ok();
            };
            line("base", manifest.base_id.to_string());
            line("lock", manifest.lock_id.to_string());
            line(
                "mode",
                match manifest.mode {
                    Mode::Task => "task: each task of a ready worker can switch to it".into(),
                    Mode::Process => {
                        "process: needs worker processes of its own, it replaces what they load".into()
                    }
                },
            );
            let size_mb = manifest.layers.iter().map(|layer| layer.tar_size).sum::<u64>() / 1_000_000;
            let files: u64 = manifest.layers.iter().map(|layer| layer.files).sum();
            line(
                "size",
                format!("{} layers, {files} files, {size_mb} MB on a volume", manifest.layers.len()),
            );
            line("requested", manifest.requested.join(" "));
            for shadow in &manifest.shadows {
                line("replaces", format!("{} {} by {}", shadow.name, shadow.base_version, shadow.version));
            }
            for conflict in &manifest.conflicts {
                line("conflict", format!("{}: {} over {}", conflict.path, conflict.winner, conflict.loser));
            }
            for layer in &manifest.layers {
                let size = layer.tar_size / 1000;
                line(
                    "layer",
                    format!(
                        "{} {} {} ({} files, {size} kB)",
                        layer.tar_digest.short(),
                        layer.name,
                        layer.version,
                        layer.files
                    ),
                );
            }
            match &attestation {
                Some(proof) => {
                    line(
                        "verified",
                        format!(
                            "{} imports by {} at {}",
                            proof.imports.len(),
                            proof.builder,
                            proof.created_at
                        ),
                    );
                    for (step, took_ms) in &proof.timings_ms {
                        line("took", format!("{step} {}", super::progress::seconds(*took_ms)));
                    }
                }
                None => line("verified", "never: it has no attestation".into()),
            }
            text
        }
    };
    output::write(None, &text)
}

pub(super) async fn existing(store: &objectstore::Store, env_id: EnvId) -> Result<Manifest, Failure> {
    read_manifest(store, env_id).await?.ok_or_else(|| {
        let message = format!("the store has no environment {}", env_id.short());
        Failure::new(exit::DATA, message, Some("build it, or check --store".into()))
    })
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Environment id.
    #[arg(value_name = "ENV")]
    env_id: EnvId,
    #[command(flatten)]
    store: StoreArgs,
}

/// Reads every object of the environment and compares digests; a finding ends with exit code 1.
pub(crate) async fn verify(command: Verify) -> Result<(), Failure> {
    let store = command.store.open().await?;
    let manifest = existing(&store, command.env_id).await?;
    let mut bad = 0;
    for (layer, health) in check_layers(&store, &manifest).await? {
        if let Health::Damaged(what) = health {
            bad += 1;
            output::write(None, &format!("damaged  {} {}: {what}\n", layer.name, layer.version))?;
        }
    }
    if bad > 0 {
        let message = format!("{bad} of {} layers are damaged", manifest.layers.len());
        return Err(Failure::new(exit::NOTHING, message, Some("build the environment again".into())));
    }
    output::write(None, &format!("ok  {} layers, all digests match\n", manifest.layers.len()))
}
