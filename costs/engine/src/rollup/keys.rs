use domain::usage::UsageKind;

use crate::Name;

/// Key of [`super::Rollup::hours`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HourKey {
    /// Unix hours.
    pub hour: u32,
    /// Kind of usage.
    pub kind: UsageKind,
    /// Pool.
    pub pool: Name,
    /// Queue.
    pub queue: Name,
    /// DAG; none for kinds that belong to no DAG.
    pub dag: Name,
    /// Task; likewise.
    pub task: Name,
    /// Environment; none for the base.
    pub env: Name,
}

/// Key of [`super::Rollup::workers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerKey {
    /// Unix hours.
    pub hour: u32,
    /// Kind of usage.
    pub kind: UsageKind,
    /// Pool.
    pub pool: Name,
    /// Worker.
    pub worker: Name,
}

/// Key of [`super::Rollup::runs`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunKey {
    /// Unix hours.
    pub hour: u32,
    /// Kind of usage.
    pub kind: UsageKind,
    /// Pool.
    pub pool: Name,
    /// DAG.
    pub dag: Name,
    /// Run.
    pub run: Name,
}

/// One attempt of a task instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttemptKey {
    /// Task, callback, or orphan: what it left behind.
    pub kind: UsageKind,
    /// DAG.
    pub dag: Name,
    /// Task.
    pub task: Name,
    /// Run.
    pub run: Name,
    /// Map index, -1 for none.
    pub map_index: i64,
    /// Attempt, from 1.
    pub try_number: u32,
}
