//! A task's log as Airflow shows it.

use serde::Deserialize;

use crate::client::{Ask, unreachable};
use crate::path::segment;
use crate::runs::run_path;
use crate::{Api, Client, Error, Step};

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LogLine {
    /// RFC 3339 (of Airflow 2 without a colon in the offset); absent for lines that Airflow adds.
    pub timestamp: Option<String>,
    /// The text.
    #[serde(default)]
    pub event: String,
    /// Who wrote it: `task.stdout` for prints; of Airflow 2 file and line.
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
        if self.api().await? == Api::V2 {
            return self.get(Step::Log, path).await;
        }
        // The JSON of Airflow 2 holds the text of a Python list.
        let step = Step::Log;
        let response = self.send(Ask { accept: Some("text/plain"), ..Ask::get(step, path) }).await?;
        let text = response.text().await.map_err(|source| unreachable(step, source))?;
        Ok(LogPage { content: text.lines().map(line).collect() })
    }
}

/// A line of Airflow 2: `[2026-11-22T06:16:19.251+0000] {file.py:190} INFO - text`. Other lines (what a task printed over
/// several lines, and Airflow's own of where it found the log) are text alone.
fn line(text: &str) -> LogLine {
    let parsed = || {
        let (timestamp, rest) = text.strip_prefix('[')?.split_once("] {")?;
        let (logger, rest) = rest.split_once("} ")?;
        let (level, event) = rest.split_once(" - ")?;
        Some(LogLine {
            timestamp: Some(timestamp.to_owned()),
            event: event.to_owned(),
            logger: Some(logger.to_owned()),
            level: Some(level.to_ascii_lowercase()),
        })
    };
    let alone = || LogLine { timestamp: None, event: text.to_owned(), logger: None, level: None };
    parsed().unwrap_or_else(alone)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn lines_of_airflow_2_are_taken_apart() {
        let found = line("[2026-11-22T06:16:19.251+0000] {logging_mixin.py:190} INFO - tick 1 - of 3");
        assert_eq!((found.event.as_str(), found.level.as_deref()), ("tick 1 - of 3", Some("info")));
        assert_eq!(found.timestamp.as_deref(), Some("2026-11-22T06:16:19.251+0000"));
        assert_eq!(found.logger.as_deref(), Some("logging_mixin.py:190"));
        let found = line("[1, 2] {not: ours}");
        assert_eq!((found.event.as_str(), found.timestamp), ("[1, 2] {not: ours}", None));
    }
}
