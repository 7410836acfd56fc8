//! Usage of task attempts, around the pure `agent_usage`: `/proc` in, rows out to a journal, to the store as Parquet
//! and live to the cost service.
//!
//! ```text
//! driver, control, reaper ── events ──► Usage ◄── sampler: process table, each second and at each event
//!                                         │ windows of a minute
//!                                         ▼
//!                     journal on disk (open window every second, closed ones until stored) ──► store
//!                                         └── live: open and closed rows, each 10 s ──► cost service
//! ```
//!
//! - A closed window is on disk before it is believed; it leaves the disk after the store has it. Keys and rows are
//!   the same at every attempt, so that a crash in between does no harm.
//! - Nothing here holds up the worker: events wait in a bounded queue, everything else is a task of its own.

mod allotment;
mod details;
mod journal;
mod live;
mod measured;
mod proc_table;
mod sampler;
mod settings;
mod store;

pub use allotment::allotment;
pub use journal::{Journal, JournalError};
pub use live::{Live, LiveError};
pub use measured::{Backlog, Clock, Event, Report, Usage};
pub use sampler::{Sampler, restore};
pub use settings::UsageSettings;
pub use store::{finish_left, ship};
