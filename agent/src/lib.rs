//! The agent: supervises a worker or a component, and keeps code and environments ready on its machine.
//!
//! ```text
//! settings → start ─┬─ worker: driver ⇄ agent_core (decides) → process, pidbox, drain record
//!                   ├─ rolling: process mode, a worker for each environment
//!                   ├─ run: component, start new then end old
//!                   ├─ volume: follower (ref) → preparer → tree, environment → current link
//!                   ├─ socket: health, worker, drain, trees, environments
//!                   └─ sync: git → publication → flip
//! ```
//!
//! Invariants:
//! - The worker is started at once; trees and environments are made ready beside it, and what a task needs
//!   earlier it asks for over the socket.
//! - Loss of Redis, of the store or of the agent itself ends no running task.
//! - What is on the volume under its name is complete; the current tree only moves forward.
//!
//! ```
//! use agent::worker::{Seen, node_name, read_line};
//!
//! let command = ["airflow", "celery", "worker", "-H", "w1@%h"].map(str::to_owned);
//! assert_eq!(node_name(&command, None, "pod-7").node, "w1@pod-7");
//! assert_eq!(read_line("[info] w1@pod-7 ready."), Some(Seen::Ready));
//! ```

pub mod base;
mod clock;
pub mod link;
mod nudges;
mod place;
pub mod process;
pub mod rolling;
pub mod run;
pub mod settings;
pub mod socket;
pub mod start;
pub mod status;
pub mod sync;
pub mod usage;
pub mod volume;
pub mod worker;

pub use daemon::chain;
