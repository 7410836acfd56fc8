use domain::EnvId;
use serde::{Deserialize, Serialize};

use crate::table::TaskContext;

/// What an attempt is called, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Identity {
    /// What [`crate::Meter::ended`] will call it: the task instance id (Airflow 3), the callback's id, Celery's id.
    pub id: String,
    /// Task instance id, new with every try; empty on Airflow 2 and for callbacks.
    pub ti_id: String,
    /// A callback, not a task.
    pub callback: bool,
    /// DAG; empty while only the task instance id is known.
    pub dag_id: String,
    /// Task.
    pub task_id: String,
    /// Run.
    pub run_id: String,
    /// -1 when the task is not mapped.
    pub map_index: i64,
    /// From 1; 0 while unknown.
    pub try_number: u32,
    /// Celery queue; empty while unknown.
    pub queue: String,
    /// The environment of its code version, when that is known.
    pub env_id: Option<EnvId>,
    /// Path of its log below the log folder.
    pub log_path: Option<String>,
}

impl Identity {
    /// An attempt of which only the task instance id is known.
    pub(crate) fn of_ti(ti_id: &str) -> Self {
        Self { id: ti_id.to_owned(), ti_id: ti_id.to_owned(), map_index: -1, ..Self::default() }
    }

    /// Both name one attempt, as far as they say anything.
    pub fn is_same(&self, other: &Self) -> bool {
        if !self.id.is_empty() && self.id == other.id {
            return true;
        }
        if !self.ti_id.is_empty() && !other.ti_id.is_empty() {
            return self.ti_id == other.ti_id;
        }
        let tries = self.try_number == 0 || other.try_number == 0 || self.try_number == other.try_number;
        tries
            && !self.dag_id.is_empty()
            && (&self.dag_id, &self.task_id, &self.run_id, self.map_index)
                == (&other.dag_id, &other.task_id, &other.run_id, other.map_index)
    }

    /// The environment of a process names this attempt.
    pub(crate) fn is_named_by(&self, context: &TaskContext) -> bool {
        let tries = self.try_number == 0 || context.try_number.is_none_or(|number| number == self.try_number);
        tries
            && !self.dag_id.is_empty()
            && (&self.dag_id, &self.task_id, &self.run_id)
                == (&context.dag_id, &context.task_id, &context.run_id)
    }

    /// Takes over what `other` knows more.
    pub(crate) fn learn(&mut self, other: &Self) {
        if self.dag_id.is_empty() && !other.dag_id.is_empty() {
            let (known, id) = (self.clone(), other.id.clone());
            *self = other.clone();
            self.id = if id.is_empty() { known.id } else { id };
            self.ti_id = if other.ti_id.is_empty() { known.ti_id } else { other.ti_id.clone() };
        }
        if self.id.is_empty() {
            self.id.clone_from(&other.id);
        }
        if self.ti_id.is_empty() {
            self.ti_id.clone_from(&other.ti_id);
        }
        if self.queue.is_empty() {
            self.queue.clone_from(&other.queue);
        }
        if self.try_number == 0 {
            self.try_number = other.try_number;
        }
        self.env_id = self.env_id.or(other.env_id);
        if self.log_path.is_none() {
            self.log_path.clone_from(&other.log_path);
        }
    }

    /// For people: DAG, task, run, map index and try.
    pub fn name(&self) -> String {
        if self.callback {
            return format!("callback {}", self.id);
        }
        if self.dag_id.is_empty() {
            return self.id.clone();
        }
        let map = if self.map_index >= 0 { format!(" map {}", self.map_index) } else { String::new() };
        let tried = if self.try_number > 0 { format!(" try {}", self.try_number) } else { String::new() };
        format!("{}.{} run {}{map}{tried}", self.dag_id, self.task_id, self.run_id)
    }
}
