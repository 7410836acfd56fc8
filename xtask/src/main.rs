//! Development tasks. `cargo xtask tidy` checks the tree, `cargo xtask generate` writes what is derived from code.

mod generate;
mod graph;
mod tidy;

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Parser, Subcommand};

/// Tasks over the whole tree.
#[derive(Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the JSON schemas of the stored formats.
    Generate {
        /// Change nothing; fail when a file is not what would be written.
        #[arg(long)]
        check: bool,
    },
    /// Check dependency direction, purity of deciding crates, READMEs, names and file lengths.
    Tidy,
}

fn main() -> anyhow::Result<()> {
    let root = workspace_root()?;
    match Cli::parse().task {
        Task::Generate { check } => generate::run(&root, check),
        Task::Tidy => tidy::run(&root),
    }
}

fn workspace_root() -> anyhow::Result<PathBuf> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().map(Path::to_path_buf).context("xtask lies directly in the workspace root")
}
