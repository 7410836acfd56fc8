//! `updraft-local`: one machine, everything that Updraft's main job needs, and a demo that proves it.

mod airflow;
mod base;
mod bring_up;
mod demo;
mod descent;
mod failure;
mod failures;
mod fleet;
mod ledger;
mod line;
mod machine;
mod measure;
mod process;
mod programs;
mod progress;
mod repository;
mod services;
mod state;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::failure::Failure;
use crate::line::Line;
use crate::progress::Progress;
use crate::state::State;

/// Brings Redis, PostgreSQL, an S3 server, Airflow and Updraft up on this machine, and runs the demo on them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Folder for everything that is made: data, logs, ports, pids.
    #[arg(long, global = true, default_value = ".demo", env = "UPDRAFT_LOCAL_STATE_DIR")]
    state_dir: PathBuf,
    /// Line of Airflow.
    #[arg(long, global = true, value_enum, default_value_t, env = "AIRFLOW")]
    airflow: Line,
    /// An Airflow to use as the base, in place of the one that depcache installs.
    #[arg(long, global = true, value_name = "VENV", env = "UPDRAFT_LOCAL_BASE")]
    base: Option<PathBuf>,
    /// A versitygw to use as the S3 server, in place of the one for tests.
    #[arg(long, global = true, value_name = "BINARY", env = "UPDRAFT_LOCAL_VERSITYGW")]
    versitygw: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
enum Command {
    /// Start everything and leave it running.
    Up,
    /// Start everything, run the demo, end everything. KEEP=1 leaves it running.
    Demo,
    /// Measure what runs; after `KEEP=1 updraft-local demo`.
    Measure {
        #[command(subcommand)]
        what: measure::What,
    },
    /// Start everything, provoke failures, print what comes of each, end everything.
    Failures {
        /// Rows of the table; all when none is named.
        #[arg(value_name = "ROW")]
        rows: Vec<failures::Kind>,
    },
    /// End exactly what was started.
    Down,
    /// Print the addresses of what runs.
    Urls,
}

fn main() -> ExitCode {
    // Each client of HTTPS needs a provider; a second installation is refused and harmless.
    drop(rustls::crypto::ring::default_provider().install_default());
    let arguments = Arguments::parse();
    let progress = Progress::new();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(source) => return Failure::Runtime { source }.tell(&progress),
    };
    match runtime.block_on(run(arguments, &progress)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failure.tell(&progress),
    }
}

async fn run(arguments: Arguments, progress: &Progress) -> Result<u8, Failure> {
    let state = State::open(&arguments.state_dir, arguments.airflow, arguments.base.as_deref())?
        .with_versitygw(arguments.versitygw.as_deref())?;
    match arguments.command {
        Command::Up => {
            bring_up::guarded(&state, progress, || bring_up::up(&state, progress)).await?;
            bring_up::print_urls(&state);
        }
        Command::Down => bring_up::down(&state, progress).await?,
        Command::Urls => bring_up::print_urls(&state),
        Command::Measure { what } => return measure::run(what, &state, progress).await,
        Command::Demo => {
            let overrides = demo::overrides(state.airflow());
            return demo::run(&state.with_overrides(overrides), progress).await;
        }
        Command::Failures { rows } => {
            let overrides = failures::overrides(&state);
            return failures::run(&state.with_overrides(overrides), progress, &rows).await;
        }
    }
    Ok(domain::exit::OK)
}
