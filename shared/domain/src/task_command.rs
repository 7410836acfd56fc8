//! Airflow 2's `airflow tasks run …`, as it stands in Celery messages, `active` answers, log lines and titles.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The task instance that a command line of Airflow 2 runs. It has no try number: retries use the same line.
///
/// ```
/// let line = "['airflow', 'tasks', 'run', 'etl', 'fit', 'r1', '--local', '--map-index', '2']";
/// let command = domain::TaskCommand::parse_list(line).unwrap();
/// assert_eq!(command.to_string(), "etl.fit run r1 map 2");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskCommand {
    /// DAG.
    pub dag_id: String,
    /// Task.
    pub task_id: String,
    /// Run.
    pub run_id: String,
    /// -1 when the task is not mapped.
    pub map_index: i64,
}

impl TaskCommand {
    /// Reads the words of a command line. `None`: it runs no task.
    pub fn parse(words: &[String]) -> Option<Self> {
        let [_airflow, tasks, run, dag_id, task_id, run_id, options @ ..] = words else { return None };
        if tasks != "tasks" || run != "run" {
            return None;
        }
        let mut options = options.iter();
        let map_index = loop {
            match options.next().map(|word| word.split_once('=').unwrap_or((word, ""))) {
                None => break -1,
                Some(("--map-index", "")) => break options.next()?.parse().ok()?,
                Some(("--map-index", index)) => break index.parse().ok()?,
                Some(_) => {}
            }
        };
        Some(Self { dag_id: dag_id.clone(), task_id: task_id.clone(), run_id: run_id.clone(), map_index })
    }

    /// Reads the first list of Python strings in `text`, as log lines and process titles print it.
    pub fn parse_list(text: &str) -> Option<Self> {
        Self::parse(&python_list(text)?)
    }
}

impl fmt::Display for TaskCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} run {}", self.dag_id, self.task_id, self.run_id)?;
        if self.map_index >= 0 {
            write!(f, " map {}", self.map_index)?;
        }
        Ok(())
    }
}

/// A Python list of plain strings. Escapes other than of quotes and backslashes stay as they are written.
fn python_list(text: &str) -> Option<Vec<String>> {
    let mut rest = text[text.find("['").or_else(|| text.find("[\""))? + 1..].chars();
    let mut words = Vec::new();
    loop {
        let quote = rest.by_ref().find(|c| !matches!(c, ' ' | ','))?;
        if quote == ']' {
            return Some(words);
        }
        if !matches!(quote, '\'' | '"') {
            return None;
        }
        let mut word = String::new();
        loop {
            match rest.next()? {
                c if c == quote => break,
                '\\' => match rest.next()? {
                    c @ ('\\' | '\'' | '"') => word.push(c),
                    c => word.extend(['\\', c]),
                },
                c => word.push(c),
            }
        }
        words.push(word);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_runs_no_task_is_none() {
        for text in
            ["", "[]", "['airflow', 'dags', 'test', 'a', 'b', 'c']", "['airflow', 'tasks', 'run', 'a'", "[1]"]
        {
            assert_eq!(TaskCommand::parse_list(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn ids_with_quotes_read_back(ids in proptest::collection::vec(r"[ -~é]{1,12}", 3), map in -1i64..9) {
            let mut words = vec!["airflow".to_owned(), "tasks".into(), "run".into()];
            words.extend(ids.iter().cloned());
            words.extend(["--local".to_owned(), "--subdir".into(), "DAGS_FOLDER/a.py".into()]);
            if map >= 0 {
                words.extend(["--map-index".to_owned(), map.to_string()]);
            }
            // As Python's repr does it: double quotes around a text with single ones only.
            let quoted = words.iter().map(|word| {
                let escaped = word.replace('\\', "\\\\");
                if word.contains('\'') && !word.contains('"') {
                    format!("\"{escaped}\"")
                } else {
                    format!("'{}'", escaped.replace('\'', "\\'"))
                }
            });
            let text = format!("[{}]", quoted.collect::<Vec<_>>().join(", "));
            let command = TaskCommand::parse_list(&text).unwrap();
            prop_assert_eq!([&command.dag_id, &command.task_id, &command.run_id], [&ids[0], &ids[1], &ids[2]]);
            prop_assert_eq!(command.map_index, map);
        }
    }
}
