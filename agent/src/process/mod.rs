//! Child processes: started in a process group of their own, followed by descent, reaped also when orphaned.

mod family;
mod members;
mod output;
mod program;
mod reaper;
mod table;

pub use family::Family;
pub use output::{Line, OUTPUT_LINES, pass_through};
pub use program::{PoolSlots, Program, SpawnError, Started};
pub use reaper::{Adopted, reap};
pub use table::{Process, below_agent, descendants, end_all, pids_below_agent};
