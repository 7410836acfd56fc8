//! The command line.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};

/// Scales Celery workers of Airflow by what waits in Redis, without ending a running task.
#[derive(Debug, Parser)]
#[command(name = "updraft-autoscaler", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch the broker and keep the right number of workers.
    Run {
        /// Settings of the pools.
        #[arg(long, env = "UPDRAFT_POOLS", default_value = "pools.toml")]
        config: PathBuf,
        /// Drain and stop all workers when told to end, instead of leaving them to the next autoscaler.
        #[arg(long)]
        stop_workers: bool,
        /// Form of the log on stderr: auto, text or json.
        #[arg(long, default_value = "auto")]
        log_format: daemon::logging::Format,
        /// What is logged, as tracing directives.
        #[arg(long, env = "UPDRAFT_LOG", default_value = "info")]
        log: String,
    },
    /// Say what was observed, what was decided and what capped it.
    Explain {
        /// The pool.
        pool: String,
        /// Settings of the pools.
        #[arg(long, env = "UPDRAFT_POOLS", default_value = "pools.toml")]
        config: PathBuf,
        /// Ask broker and workers now, instead of reading what the running autoscaler wrote.
        #[arg(long)]
        live: bool,
        /// Form of the answer on stdout.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Look for mistakes in the settings. Exit code 1 when there are any.
    Lint {
        /// Settings of the pools.
        #[arg(long, env = "UPDRAFT_POOLS", default_value = "pools.toml")]
        config: PathBuf,
        /// Form of the answer on stdout.
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON document.
    Json,
}
