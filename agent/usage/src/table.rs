use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

/// CPU time and storage IO: totals since a process began, or what was added since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counters {
    /// CPU time in user mode, nanoseconds.
    pub user_ns: u64,
    /// CPU time in the kernel, nanoseconds.
    pub system_ns: u64,
    /// Bytes fetched from storage.
    pub read_bytes: u64,
    /// Bytes sent to storage.
    pub write_bytes: u64,
}

impl Counters {
    /// CPU time in both modes, nanoseconds.
    pub fn cpu_ns(self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }

    /// Nothing at all.
    pub fn is_zero(self) -> bool {
        self == Self::default()
    }

    /// What `self` has above `other`, never negative.
    #[must_use]
    pub fn above(self, other: Self) -> Self {
        self.zip(other, u64::saturating_sub)
    }

    /// The smaller of each.
    #[must_use]
    pub fn least(self, other: Self) -> Self {
        self.zip(other, u64::min)
    }

    /// The greater of each.
    #[must_use]
    pub fn most(self, other: Self) -> Self {
        self.zip(other, u64::max)
    }

    fn zip(self, other: Self, of: impl Fn(u64, u64) -> u64) -> Self {
        Self {
            user_ns: of(self.user_ns, other.user_ns),
            system_ns: of(self.system_ns, other.system_ns),
            read_bytes: of(self.read_bytes, other.read_bytes),
            write_bytes: of(self.write_bytes, other.write_bytes),
        }
    }
}

impl Add for Counters {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        self.zip(other, u64::saturating_add)
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// A process for its whole life: process ids are used again, together with the start they are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct ProcessId {
    /// Process id.
    pub pid: u32,
    /// Milliseconds from boot to its start.
    pub start_ms: u64,
}

/// The task that a process's environment names (`AIRFLOW_CTX_…`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskContext {
    /// DAG.
    pub dag_id: String,
    /// Task.
    pub task_id: String,
    /// Run.
    pub run_id: String,
    /// Try; absent when the environment does not say.
    pub try_number: Option<u32>,
}

/// One process at one look.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// Which.
    pub id: ProcessId,
    /// Process id of its parent.
    pub parent: u32,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// It has ended and waits to be reaped.
    pub ended: bool,
    /// Its title: the command line with blanks between the words.
    pub title: String,
    /// Its own CPU time.
    pub own: Counters,
    /// CPU time of the children that it has reaped, with all that those had reaped. IO is counted here, its own too:
    /// the kernel keeps one sum.
    pub reaped: Counters,
    /// Memory that is its own (anonymous), in bytes.
    pub memory_bytes: u64,
    /// The task that its environment names.
    pub context: Option<TaskContext>,
}

/// What a look at the machine saw.
///
/// Parents stand before their children and were read before them: a child that is reaped while the table is read is
/// then missing once rather than counted twice. The first process is the agent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// Milliseconds since boot.
    pub uptime_ms: u64,
    /// The agent's tree, and the processes of [`crate::Meter::follow`].
    pub processes: Vec<Observed>,
    /// Sizes of log files, by the path that [`crate::Meter::logs`] named.
    pub logs: Vec<(String, u64)>,
}

/// An ended process that the agent itself has reaped: an orphan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reaped {
    /// Which.
    pub id: ProcessId,
    /// Process group.
    pub group: u32,
    /// Session.
    pub session: u32,
    /// CPU time of its life and of all that it had reaped.
    pub used: Counters,
}
