//! The supervised Celery worker: commands of `agent_core` become processes, signals and remote control calls,
//! and what comes of them becomes events.

mod command_lines;
mod command_log;
mod control;
mod driver;
mod lines;
mod name;
mod record;
mod running;
mod slots;
mod tasks;
mod titles;
mod workplace;

pub use command_lines::Commanded;
pub use command_log::CommandLogs;
pub use control::Control;
pub use driver::{Request, Worker, WorkerError};
pub use lines::{Seen, read_line};
pub(crate) use name::plain_name;
pub use name::{NodeName, node_name};
pub(crate) use record::write_durably;
pub use record::{RecordError, RecordFile};
pub use running::{Left, Running, RunningFile};
pub(crate) use slots::{SLOTS_FLAGS, joined};
pub use slots::{autoscales, slots};
pub use tasks::{Task, Tasks};
pub use workplace::{LeftBehind, Workplace};
