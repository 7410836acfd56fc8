//! Processes of workers and components: started in a process group of their own, followed by descent, reaped also when
//! orphaned; adopted when an earlier agent started them.

mod family;
mod handle;
mod members;
mod output;
mod program;
mod reaper;
mod spool;
mod table;

pub use family::{Family, MARK};
pub use handle::Handle;
pub use output::{Line, OUTPUT_LINES, pass_through};
pub use program::{PoolSlots, Program, SpawnError, Started};
pub use reaper::{Adopted, reap};
pub use spool::{Spool, Tail, follow};
pub use table::{Process, descendants, end_all, pids_below_agent, start_ticks};
