//! What the worker of Airflow 2 writes when a task begins and ends.

use agent_usage::Identity;
use broker::pidbox::TaskRow;
use domain::TaskCommand;

/// A task that begins. The line has no try number and no log path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commanded {
    /// Celery's id of the message.
    pub celery_id: String,
    /// What it runs.
    pub command: TaskCommand,
    /// Celery queue; empty while unknown.
    pub queue: String,
}

impl Commanded {
    /// A task that a worker of Airflow 2 says it runs.
    pub fn of(row: &TaskRow) -> Option<Self> {
        let command = TaskCommand::parse(row.command.as_deref()?)?;
        Some(Self { celery_id: row.celery_id.clone(), command, queue: row.queue.clone().unwrap_or_default() })
    }

    /// Whom its usage is written down for; the try is not known yet.
    pub fn identity(&self) -> Identity {
        Identity {
            id: self.celery_id.clone(),
            dag_id: self.command.dag_id.clone(),
            task_id: self.command.task_id.clone(),
            run_id: self.command.run_id.clone(),
            map_index: self.command.map_index,
            queue: self.queue.clone(),
            ..Identity::default()
        }
    }
}

/// `[<celery id>] Executing command in Celery: ['airflow', 'tasks', 'run', …]`.
pub(super) fn begun(line: &str) -> Option<Commanded> {
    let (before, after) = line.split_once("] Executing command in Celery: ")?;
    let celery_id = &before[before.rfind('[')? + 1..];
    let command = TaskCommand::parse_list(after)?;
    Some(Commanded { celery_id: celery_id.to_owned(), command, queue: String::new() })
}

/// `Task execute_command[<celery id>] succeeded in 5.1s: None`, or `raised unexpected: …`: the celery id.
pub(super) fn ended(line: &str) -> Option<String> {
    let (_, after) = line.split_once("execute_command[")?;
    let (celery_id, rest) = after.split_once("] ")?;
    let over = ["succeeded", "raised", "failed", "ignored", "rejected"];
    over.iter().any(|word| rest.starts_with(word)).then(|| celery_id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begin_and_end_are_read() {
        let line = "[2026-11-22 06:15:48,120: INFO/ForkPoolWorker-1] [e7deb849-0f] Executing command in Celery: \
            ['airflow', 'tasks', 'run', 'lab', 'fit', 'r[1]', '--local', '--subdir', 'DAGS_FOLDER/lab.py']";
        let begun = begun(line).unwrap();
        assert_eq!(
            (begun.celery_id.as_str(), begun.command.to_string()),
            ("e7deb849-0f", "lab.fit run r[1]".into())
        );
        for (line, id) in [
            ("[x: INFO/ForkPoolWorker-1] Task execute_command[e7d] succeeded in 5.1s: None", Some("e7d")),
            (
                "[x: ERROR/ForkPoolWorker-1] Task execute_command[e7d] raised unexpected: AirflowException()",
                Some("e7d"),
            ),
            ("[x: INFO/MainProcess] Task execute_command[e7d] received", None),
        ] {
            assert_eq!(ended(line).as_deref(), id, "{line}");
        }
    }
}
