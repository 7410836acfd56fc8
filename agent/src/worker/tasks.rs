use std::collections::BTreeMap;
use std::fmt;

use agent_usage::Identity;
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
    /// Whom its usage is written down for.
    pub identity: Identity,
}

impl Task {
    /// A task that a worker says it runs. `None`: not one whose log is known (Airflow 2, unknown workloads).
    pub fn of(row: &TaskRow) -> Option<Self> {
        let workload = row.workload.as_ref()?;
        let log_path = workload.log_path.clone()?;
        let mut identity =
            Identity { map_index: -1, log_path: Some(log_path.clone()), ..Identity::default() };
        let Some(ti) = &workload.ti else {
            (identity.id, identity.callback) = (row.celery_id.clone(), true);
            return Some(Self {
                id: row.celery_id.clone(),
                name: format!("callback {log_path}"),
                log_path,
                identity,
            });
        };
        (identity.id, identity.ti_id) = (ti.id.clone(), ti.id.clone());
        (identity.dag_id, identity.task_id) = (ti.dag_id.clone(), ti.task_id.clone());
        (identity.run_id, identity.map_index) = (ti.run_id.clone(), ti.map_index);
        identity.try_number = ti.try_number;
        identity.queue = ti.queue.clone().or_else(|| row.queue.clone()).unwrap_or_default();
        Some(Self { id: ti.id.clone(), name: identity.name(), log_path, identity })
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
