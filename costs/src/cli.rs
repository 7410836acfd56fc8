//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use costs_engine::{By, ShareIdle};
use daemon::settings::Output;

/// Says what every task of Airflow costs.
#[derive(Debug, Parser)]
#[command(name = "updraft-costs", version, max_term_width = 100)]
pub struct Cli {
    /// How it talks about itself.
    #[command(flatten)]
    pub output: Output,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Print what was used and what it cost, from the store.
    Report(Report),
    /// Serve the dashboard and the API, and take live usage from agents
    Serve(Box<Serve>),
}

/// Where usage and prices are.
#[derive(Debug, Clone, Args)]
pub struct Sources {
    /// Object store with the usage: s3://bucket/prefix or file:///directory
    #[arg(long, env = "UPDRAFT_STORE", value_name = "URL")]
    pub store: String,
    /// Prices and owners, a TOML file
    #[arg(long, env = "UPDRAFT_PRICES", value_name = "FILE")]
    pub prices: PathBuf,
    /// Airflow, to ask who owns which DAG; without it [owners] of the prices file says so
    #[arg(long, env = "UPDRAFT_AIRFLOW_URL", value_name = "URL")]
    pub airflow_url: Option<String>,
    /// User that asks Airflow, with the password in UPDRAFT_AIRFLOW_PASSWORD; without one, as if all were admins
    #[arg(long, env = "UPDRAFT_AIRFLOW_USER", requires = "airflow_url", value_name = "NAME")]
    pub airflow_user: Option<String>,
}

/// `updraft-costs report`.
#[derive(Debug, Clone, Args)]
pub struct Report {
    /// Usage and prices.
    #[command(flatten)]
    pub sources: Sources,
    /// What to group by: dag, task, run, queue, owner, pool, worker or env
    #[arg(long, default_value = "dag", value_name = "WHAT")]
    pub by: By,
    /// Which time: 90m, 24h, 7d (back from now) or 2026-11-01..2026-11-08, UTC
    #[arg(long, default_value = "24h", value_name = "WINDOW")]
    pub window: String,
    /// Who pays for idle: none (a line of its own), slots (by slot-seconds) or cost (by direct cost)
    #[arg(long, default_value = "none", value_name = "HOW")]
    pub share_idle: ShareIdle,
    /// Only so many lines; the rest in one
    #[arg(long, value_name = "N")]
    pub top: Option<usize>,
    /// End with exit code 1 when the workers' own measurement and the sum of the parts differ by more than 0.1 %
    #[arg(long)]
    pub check: bool,
    /// Form of the answer on stdout
    #[arg(long, value_enum, default_value = "text")]
    pub format: Format,
}

/// Form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// One line a group, for spreadsheets.
    Csv,
    /// One document.
    Json,
}

/// `updraft-costs serve`.
#[derive(Debug, Clone, Args)]
pub struct Serve {
    /// Usage and prices.
    #[command(flatten)]
    pub sources: Sources,
    /// Address of the dashboard, the API, /livez, /readyz and /metrics
    #[arg(long, env = "UPDRAFT_COSTS_LISTEN", default_value = "127.0.0.1:8795", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Rollups, a SQLite file; can be deleted at any time, it is built again from the store
    #[arg(long, env = "UPDRAFT_COSTS_DATABASE", default_value = "updraft-costs.db", value_name = "FILE")]
    pub database: PathBuf,
    /// Secret that agents show to send live usage; else UPDRAFT_COSTS_TOKEN; without one anybody may
    #[arg(long, env = "UPDRAFT_COSTS_TOKEN_FILE", value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Drop the rollups and build them again from the store
    #[arg(long)]
    pub rebuild: bool,
    /// Seconds between two looks at the store
    #[arg(long, env = "UPDRAFT_COSTS_POLL_INTERVAL_S", default_value_t = 15, value_name = "S")]
    pub poll_interval_s: u64,
    /// Days that are kept in the rollups; the store keeps all
    #[arg(long, env = "UPDRAFT_COSTS_KEEP_DAYS", default_value_t = 90, value_name = "DAYS")]
    pub keep_days: u64,
    /// A running task without CPU, IO and log for so many minutes is stuck
    #[arg(long, env = "UPDRAFT_COSTS_STUCK_AFTER_MIN", default_value_t = 10, value_name = "MIN")]
    pub stuck_after_min: u64,
}
