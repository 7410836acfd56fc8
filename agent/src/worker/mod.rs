//! The supervised Celery worker: commands of `agent_core` become processes, signals and remote control calls,
//! and what comes of them becomes events.

mod control;
mod driver;
mod lines;
mod name;
mod record;
mod running;
mod tasks;

pub use control::Control;
pub use driver::{Request, Worker, WorkerError};
pub use lines::{Seen, read_line};
pub use name::{NodeName, node_name};
pub use record::{RecordError, RecordFile};
pub use running::{Left, Running, RunningFile};
pub use tasks::{Task, Tasks};
