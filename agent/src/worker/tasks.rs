use std::collections::BTreeMap;
use std::fmt;

use domain::workload::TaskInstance;

/// Tasks that are remembered by name at most: more than any worker has slots, so that lost end lines do
/// not grow memory.
const REMEMBERED: usize = 4_096;

/// A task that the worker runs, as its log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Which.
    pub instance: TaskInstance,
    /// Path of its log below the log folder.
    pub log_path: String,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TaskInstance { dag_id, task_id, run_id, try_number, map_index, .. } = &self.instance;
        write!(f, "{dag_id}.{task_id} run {run_id}")?;
        if *map_index >= 0 {
            write!(f, " map {map_index}")?;
        }
        write!(f, " try {try_number}")
    }
}

/// Names of running tasks by task instance id.
#[derive(Debug, Default)]
pub struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// A task began.
    pub fn begun(&mut self, task: Task) {
        // Ids grow with time (UUIDv7): the first is the oldest.
        while self.0.len() >= REMEMBERED {
            self.0.pop_first();
        }
        self.0.insert(task.instance.id.clone(), task);
    }

    /// A task ended.
    pub fn ended(&mut self, id: &str) -> Option<Task> {
        self.0.remove(id)
    }

    /// The worker ended, and with it every task.
    pub fn drain(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.0).into_values().collect()
    }

    /// How people call a task; its id when only that is known.
    pub fn name(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), ToString::to_string)
    }
}
