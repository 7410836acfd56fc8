//! What each task attempt used: looks at the process table and the worker's words in, usage rows out. Pure.
//!
//! Invariants (held by property tests over random process trees, looked at at random instants):
//! - Conservation: what the rows of an attempt count is what its processes used, once all of them have ended and
//!   each was seen, or left its group to be recognised by. Nothing is counted twice, whatever was forked, reaped or
//!   reparented between two looks, or while one was taken.
//! - Rows are never negative, and no row is longer than the time that has passed on the monotonic clock: a wall
//!   clock that jumps moves the next window's stamps, nothing else.
//! - For each window `task + callback + orphan + overhead + idle + unattributed = worker`, in integers, as long as
//!   not more was attributed than measured; the whole is measured by the sum of all counters, not by the charges.
//! - An attempt whose worker or agent died under it has rows up to the last save, the last one with state `lost`.
//!
//! CPU is exact (kernel counters, 10 ms each in sum); memory is sampled: anonymous memory × time, seen at each look.
//!
//! ```
//! use agent_usage::{Allotment, Counters, Identity, Meter, Now, Observed, ProcessId, Table, Writer};
//!
//! let now = |s: u64| Now { wall_ms: 1_790_000_000_000 + s * 1_000, mono_ms: s * 1_000 };
//! let allotment = Allotment { cpu_milli: 2_000, memory_bytes: 4 << 30, slots: 2 };
//! let writer = Writer { writer: "w1-1".into(), worker: "celery@w1".into(), ..Writer::default() };
//! let mut meter = Meter::new(writer, allotment, 600_000, now(0));
//! meter.worker_started(10);
//! let task = Identity { id: "0193".into(), ti_id: "0193".into(), dag_id: "etl".into(), ..Identity::default() };
//! meter.begun(&task, Some(10), now(1));
//!
//! let process = |pid, parent, title: &str, used_ms: u64| Observed {
//!     id: ProcessId { pid, start_ms: u64::from(pid) },
//!     parent,
//!     group: pid,
//!     title: title.into(),
//!     own: Counters { user_ns: used_ms * 1_000_000, ..Counters::default() },
//!     ..Observed::default()
//! };
//! let processes = vec![
//!     process(1, 0, "updraft-agent", 10),
//!     process(10, 1, "[celeryd: celery@w1:MainProcess]", 100),
//!     process(11, 10, "[celeryd: celery@w1:ForkPoolWorker-1]", 20),
//!     process(12, 11, "airflow worker -- 0193", 300),
//! ];
//! meter.sample(&Table { uptime_ms: 2_000, processes, logs: Vec::new() }, now(2));
//! let rows = meter.close(now(2));
//! let of = |kind: &str| rows.iter().find(|row| format!("{:?}", row.kind) == kind).unwrap();
//! assert_eq!(of("Task").cpu_user_ns, 300_000_000);
//! assert_eq!(of("Overhead").cpu_user_ns, 130_000_000);
//! ```

mod activity;
mod attempts;
mod facts;
mod identity;
mod ledger;
mod meter;
mod rows;
mod saved;
mod table;
mod time;
mod title;
mod window;

pub use facts::{AttemptName, FACTS_SCHEMA, Facts, News, Orphan, Running};
pub use identity::Identity;
pub use meter::{LOST, Meter, UNKNOWN};
pub use rows::{Allotment, Writer};
pub use saved::{SAVED_SCHEMA, Saved};
pub use table::{Counters, Observed, ProcessId, Reaped, Table, TaskContext};
pub use time::Now;
