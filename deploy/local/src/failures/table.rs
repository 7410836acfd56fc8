//! The failure table: cause, what users see, what running tasks do, how long it took until all was as before.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

/// Version of `failures.json`.
const SCHEMA: u32 = 1;

/// What was seen of one failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// What users see.
    pub users: String,
    /// What running tasks do.
    pub tasks: String,
    /// From the failure (or from the end of an outage) until all was as before.
    pub recovery: Duration,
    /// As it should be; `None`: this machine cannot provoke it.
    pub holds: Option<bool>,
}

impl Seen {
    /// A failure that cannot be provoked here.
    pub(crate) fn not_here(why: &str) -> Self {
        Self {
            users: format!("(not provoked here: {why})"),
            tasks: String::new(),
            recovery: Duration::ZERO,
            holds: None,
        }
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Row {
    name: String,
    cause: String,
    users_see: String,
    tasks: String,
    recovery_ms: Option<u64>,
    /// Seconds that the row took in all.
    took_s: u64,
    /// Absent: not provoked.
    holds: Option<bool>,
}

/// The table.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Table {
    schema: u32,
    rows: Vec<Row>,
}

impl Table {
    /// Adds what was seen.
    pub(crate) fn add(&mut self, name: &str, cause: &str, seen: &Seen, took: Duration) {
        self.schema = SCHEMA;
        self.rows.push(Row {
            name: name.to_owned(),
            cause: cause.to_owned(),
            users_see: seen.users.clone(),
            tasks: seen.tasks.clone(),
            recovery_ms: u64::try_from(seen.recovery.as_millis()).ok().filter(|_| seen.holds == Some(true)),
            took_s: took.as_secs(),
            holds: seen.holds,
        });
    }

    /// True when failures were provoked and all went as they should.
    pub(crate) fn holds(&self) -> bool {
        let provoked: Vec<bool> = self.rows.iter().filter_map(|row| row.holds).collect();
        !provoked.is_empty() && provoked.iter().all(|holds| *holds)
    }

    /// As a table of Markdown, which reads well on a terminal too.
    pub(crate) fn text(&self) -> String {
        let mut text = String::from(
            "| cause | what users see | what running tasks do | recovery | holds? |\n|---|---|---|---|---|\n",
        );
        for row in &self.rows {
            let recovery =
                row.recovery_ms.map_or("-".to_owned(), |ms| format!("{}.{} s", ms / 1000, ms % 1000 / 100));
            let holds = match row.holds {
                Some(true) => "yes",
                Some(false) => "NO",
                None => "-",
            };
            let _infallible = writeln!(
                text,
                "| {} | {} | {} | {recovery} | {holds} |",
                row.cause, row.users_see, row.tasks
            );
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_does_not_hold_decides() {
        let mut table = Table::default();
        assert!(!table.holds(), "no rows prove nothing");
        let seen = |holds| Seen {
            users: "nothing".to_owned(),
            tasks: "run on".to_owned(),
            recovery: Duration::from_millis(1_250),
            holds: Some(holds),
        };
        table.add("memory", "full memory", &Seen::not_here("no cgroup"), Duration::ZERO);
        assert!(!table.holds(), "nothing was provoked");
        table.add("agent", "kill -9 of an agent", &seen(true), Duration::from_secs(9));
        assert!(table.holds());
        table.add("disk", "disk full", &seen(false), Duration::from_secs(9));
        assert!(!table.holds());
        insta::assert_snapshot!(table.text(), @"
        | cause | what users see | what running tasks do | recovery | holds? |
        |---|---|---|---|---|
        | full memory | (not provoked here: no cgroup) |  | - | - |
        | kill -9 of an agent | nothing | run on | 1.2 s | yes |
        | disk full | nothing | run on | - | NO |
        ");
    }
}
