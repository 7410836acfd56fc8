//! `depcache diff`.

use clap::Args;
use depcache::lock::Difference;
use domain::exit;
use serde_json::json;

use super::args::Format;
use super::locked::LockStore;
use super::{Failure, output};

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The lock before: a pylock.toml, or the id of an environment.
    #[arg(value_name = "OLD")]
    old: String,
    /// The lock after.
    #[arg(value_name = "NEW")]
    new: String,
    #[command(flatten)]
    store: LockStore,
    /// Form of standard output.
    #[arg(long, value_enum, default_value = "text")]
    format: Format,
}

/// Exit code 1 when they differ, as `diff` has it.
pub(crate) async fn run(command: Diff) -> Result<u8, Failure> {
    let (old, new) = (command.store.read(&command.old).await?, command.store.read(&command.new).await?);
    let difference = Difference::between(&old, &new);
    let text = match command.format {
        Format::Text => difference.to_string(),
        Format::Json => {
            let mut document = json!(difference);
            document["schema"] = json!(1);
            format!("{document:#}\n")
        }
    };
    output::write(None, &text)?;
    Ok(if difference.is_empty() { exit::OK } else { exit::NOTHING })
}
