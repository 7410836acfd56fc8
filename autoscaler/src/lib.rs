//! `updraft-autoscaler`: watches Redis, plans the number of workers ([`autoscaler_plan`]), asks agents to
//! drain, starts and stops them. Target of this version: child processes on one machine.
//!
//! Invariants:
//! - No running task is ended: workers are drained before they are stopped, and only their agent is signalled.
//! - What is not known changes nothing: a silent broker holds, a silent worker counts as full.
//! - An autoscaler that is killed leaves workers running; the next one adopts them and starts none twice.
//! - One autoscaler per state directory.
//!
//! ```
//! use std::path::Path;
//! let (settings, findings) = autoscaler::settings::parse(Path::new("pools.toml"), r#"
//!     state_dir = "state"
//!     [pools.default]
//!     queues = ["default"]
//!     slots_per_worker = 4
//!     command = ["updraft-agent", "worker", "--socket", "{socket}", "--",
//!                "airflow", "celery", "worker", "-q", "{queues}", "-c", "{slots}", "-H", "{worker}@%h"]
//! "#)?;
//! assert!(findings.findings.is_empty());
//! assert_eq!(settings.pools["default"].policy.slots_per_worker, 4);
//! # Ok::<(), autoscaler::settings::SettingsError>(())
//! ```

mod broker_url;
pub mod cli;
mod clock;
pub mod commands;
pub mod explain;
pub mod fleet;
mod meter;
mod observe;
mod pool_loop;
mod run;
pub mod settings;
pub mod snapshot;
