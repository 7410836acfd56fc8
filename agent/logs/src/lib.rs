//! Ships task logs to the log store while the tasks run.
//!
//! Airflow uploads a log once, after its task: nothing is seen before, and nothing survives a killed
//! worker. This crate tails the files below `base_log_folder` and writes parts beside the key that Airflow
//! would write (`domain::LogPart`); Airflow's reader lists and merges them, so its UI shows them live.
//!
//! Invariants:
//! - Every byte of a log is in the store once, in order (the parts in the order of their names), also
//!   when the agent is killed at any point (`simulation`, and a test that kills a real process).
//! - Parts end at newlines (or, in overlong lines, between characters) except where an attempt ends, and
//!   are UTF-8: Airflow shows an error instead of a log with an invalid byte, so such bytes are replaced.
//! - A store that is out of reach blocks no task: the log file is the backlog, only the position is kept.
//! - Bytes that were emptied away before they were sent are Airflow's own: it empties a log only after it
//!   has uploaded it. Set `remote_logging = False` on workers to keep such logs out of the store twice.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! # let dir = tempfile::tempdir()?;
//! # let (logs, state) = (dir.path().join("logs"), dir.path().join("state"));
//! let store = objectstore::Store::open(&format!("file://{}/store", dir.path().display())).await?;
//! let settings = agent_logs::Settings::new(logs.clone(), state, "worker-1".to_owned());
//! let shipper = agent_logs::Shipper::new(settings, store.clone());
//! let cancel = tokio_util::sync::CancellationToken::new();
//!
//! std::fs::create_dir_all(logs.join("dag_id=d"))?;
//! std::fs::write(logs.join("dag_id=d/attempt=1.log"), "hello\n")?;
//! shipper.watch("dag_id=d/attempt=1.log".to_owned())?;
//! cancel.cancel(); // the agent ends: what is left is sent
//! assert!(shipper.run(cancel).await.is_empty());
//! assert_eq!(store.list("dag_id=d/attempt=1.log").await?.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempt;
mod cut;
mod disk;
mod error;
mod local;
mod pass;
mod position;
mod shipper;
#[cfg(test)]
mod simulation;
mod state;

pub use error::WatchError;
pub use shipper::{ATTEMPTS_LIMIT, Settings, Shipper};
