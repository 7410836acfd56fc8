//! `updraft-costs`: reads usage from the store, keeps rollups in SQLite, reports, serves the dashboard and the API.
//!
//! ```text
//! store (Parquet, the truth) ──► usage ──► costs_engine::Rollup ──► report: text, CSV, JSON
//!                                                 │
//! agents ── POST /v1/usage (live) ──► intake ─────┴──► database (SQLite) ──► JSON API, dashboard (costs_web)
//! ```
//!
//! Invariants:
//! - Parquet in the store is the truth; the database can be deleted at any time and is built again from it.
//! - A row counts once, live or stored: of two with the same writer and number the later `window_end` wins.
//! - A file that cannot be read is refused by name; nothing is left out silently.
//! - Money is decided by [`costs_engine`] alone; report and dashboard show the same figures.
//!
//! ```
//! use clap::Parser;
//! use costs::cli::{Cli, Command};
//! let cli = Cli::try_parse_from(["updraft-costs", "report", "--store", "file:///tmp/store", "--prices", "prices.toml"])?;
//! assert!(matches!(cli.command, Command::Report(ref report) if report.window == "24h"));
//! # Ok::<(), clap::Error>(())
//! ```

pub mod cli;
mod clock;
pub mod commands;
pub mod database;
pub mod documents;
pub mod failure;
pub mod report;
pub mod serve;
pub mod sources;
pub mod usage;
