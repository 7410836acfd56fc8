//! A task's log as Airflow shows it.

use serde::Deserialize;

use crate::path::segment;
use crate::runs::run_path;
use crate::{Client, Error, Step};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogLine {
    /// RFC 3339; absent for lines that Airflow adds.
    pub timestamp: Option<String>,
    /// The text.
    #[serde(default)]
    pub event: String,
    /// Who wrote it: `task.stdout` for prints.
    pub logger: Option<String>,
    /// `info`, `error`, …
    pub level: Option<String>,
}

/// What Airflow shows of a log now.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogPage {
    /// Lines, merged and without duplicates.
    pub content: Vec<LogLine>,
}

impl LogPage {
    /// Lines whose text contains `text`.
    pub fn containing<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a LogLine> {
        self.content.iter().filter(move |line| line.event.contains(text))
    }
}

impl Client {
    /// The log of one attempt, from its first line. `map_index` is -1 for unmapped tasks.
    pub async fn log(
        &self,
        dag_id: &str,
        run_id: &str,
        task_id: &str,
        map_index: i64,
        attempt: u32,
    ) -> Result<LogPage, Error> {
        let path = format!(
            "{}/taskInstances/{}/logs/{attempt}?map_index={map_index}&full_content=true",
            run_path(dag_id, run_id),
            segment(task_id)
        );
        self.get(Step::Log, &path).await
    }
}
