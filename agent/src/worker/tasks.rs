use std::collections::BTreeMap;
use std::fmt;

use broker::pidbox::TaskRow;

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
}

impl Task {
    /// A task that a worker says it runs. `None`: not one whose log is known (Airflow 2, unknown workloads).
    pub fn of(row: &TaskRow) -> Option<Self> {
        let workload = row.workload.as_ref()?;
        let log_path = workload.log_path.clone()?;
        let Some(ti) = &workload.ti else {
            return Some(Self { id: row.celery_id.clone(), name: format!("callback {log_path}"), log_path });
        };
        let map = if ti.map_index >= 0 { format!(" map {}", ti.map_index) } else { String::new() };
        let name = format!("{}.{} run {}{map} try {}", ti.dag_id, ti.task_id, ti.run_id, ti.try_number);
        Some(Self { id: ti.id.clone(), name, log_path })
    }
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

    /// Whether a task is known.
    pub fn knows(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// How people call a task; its id when only that is known.
    pub fn name(&self, id: &str) -> String {
        self.0.get(id).map_or_else(|| id.to_owned(), ToString::to_string)
    }
}
