//! Supervision of a long-running program.
//!
//! Invariants:
//! - Every task has a name, an owner that awaits it and a written policy for its failure.
//! - Shutdown is staged ([`Stage`]): a stage is told to stop only after all tasks of the stage before it
//!   have ended, and all stages together have one deadline. What is left then is named, not forgotten.
//! - No globals except the two that their libraries impose (the `tracing` subscriber and the `metrics`
//!   recorder); both are installed once by `main` and handed on as values.
//!
//! ```
//! use std::time::Duration;
//! use daemon::{OnFailure, Policy, Signals, Stage, Supervisor};
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let mut supervisor = Supervisor::new();
//! supervisor.spawn("poll", Stage::Intake, OnFailure::ShutDown, |stop| async move {
//!     stop.cancelled().await;
//!     Ok(())
//! });
//! let handle = supervisor.handle();
//! handle.shut_down("example is over");
//! let outcome = supervisor.run(Signals::none(), Policy::new(Duration::from_secs(5))).await;
//! assert!(outcome.is_clean());
//! # });
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod admin;
mod backoff;
mod chain;
pub mod health;
pub mod logging;
mod outcome;
pub mod settings;
mod signals;
mod supervisor;

pub use backoff::{Backoff, Retry};
pub use chain::chain;
pub use health::Health;
pub use outcome::{Cause, Failure, Outcome};
pub use signals::{Signal, Signals};
pub use supervisor::{BoxError, Handle, OnFailure, Policy, SecondSignal, Stage, Supervisor};
pub use tokio_util::sync::CancellationToken;
