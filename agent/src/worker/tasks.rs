use std::collections::BTreeMap;
use std::fmt;

use agent_usage::Identity;

/// Tasks that are remembered by name at most: more than any worker has slots, so that lost end lines do
/// not grow memory.
const REMEMBERED: usize = 4_096;

/// A task or callback that the worker runs, as its log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// Id of the task instance's try, or of the callback.
    pub id: String,
    /// DAG, task, run and try, for people.
    pub name: String,
    /// Path of its log below the log folder.
    pub log_path: String,
    /// Whom its usage is written down for.
    pub identity: Identity,
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Running tasks by id.
#[derive(Debug, Default)]
pub struct Tasks(BTreeMap<String, Task>);

impl Tasks {
    /// A task began.
    pub fn begun(&mut self, task: Task) {
        // Ids grow with time (UUIDv7): the first is the oldest.
        while self.0.len() >= REMEMBERED {
            self.0.pop_first();
        }
        self.0.insert(task.id.clone(), task);
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
