//! The parse of every DAG file in the candidate environment: what is new wrong refuses the commit.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use depcache::verify::{self, Parse};

use super::SyncError;

/// Files whose failure is told in full; of the others the number.
const TOLD: usize = 10;

/// What the parses say about a commit.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// DAG files, relative to the tree.
    pub(super) dag_files: BTreeSet<String>,
    /// Files that fail, or failed in the current tree too.
    pub(super) failures: Vec<Parse>,
    /// What should be known.
    pub(super) warnings: Vec<String>,
}

/// Parses all DAG files of `tree` in the environment `root`.
pub(super) async fn parse(root: &Path, tree: &Path, subdir: &str) -> Result<Checked, SyncError> {
    let parses = verify::dags(root, tree, subdir).await.map_err(SyncError::Verify)?;
    let mut checked = Checked::default();
    for parse in parses {
        checked.dag_files.insert(parse.check.path.clone());
        if parse.unprovable {
            let path = &parse.check.path;
            checked
                .warnings
                .push(format!("{path} asks Airflow for a variable or connection: it could not be proved"));
        } else if parse.failure.is_some() {
            checked.failures.push(parse);
        }
    }
    Ok(checked)
}

/// The failures of files that did not fail before, in words; `None` when there are none.
pub(super) fn new_failures(candidate: &[Parse], failing_before: &BTreeSet<String>) -> Option<String> {
    let new: Vec<&Parse> =
        candidate.iter().filter(|parse| !failing_before.contains(&parse.check.path)).collect();
    if new.is_empty() {
        return None;
    }
    let files =
        if new.len() == 1 { "1 DAG file does".to_owned() } else { format!("{} DAG files do", new.len()) };
    let mut text = format!("{files} not parse in the new environment");
    for parse in new.iter().take(TOLD) {
        if let Some(failure) = &parse.failure {
            write!(text, "\n  - {}: {}: {}", parse.check.path, failure.exception, failure.message).ok();
            if let Some(place) = &failure.place {
                write!(text, "\n    {}:{}: {}", place.file, place.line, place.text.trim()).ok();
            }
            if let Some(culprit) = &failure.culprit {
                write!(text, "\n    it broke in {culprit}").ok();
            }
        }
    }
    if new.len() > TOLD {
        write!(text, "\n  and {} more", new.len() - TOLD).ok();
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use depcache::verify::{Failure, Frame};
    use domain::environment::ParseCheck;

    fn failing(path: &str) -> Parse {
        let place =
            Frame { file: path.into(), line: 3, function: "<module>".into(), text: "import nope".into() };
        let failure = Failure {
            exception: "ModuleNotFoundError".into(),
            message: "No module named 'nope'".into(),
            place: Some(place),
            frames: vec![],
            culprit: None,
        };
        let check = ParseCheck { path: path.into(), dags: vec![], error: None, took_ms: 1 };
        Parse { check, failure: Some(failure), unprovable: false }
    }

    #[test]
    fn only_new_failures_refuse() {
        let candidate = [failing("dags/a.py"), failing("dags/b.py")];
        assert_eq!(new_failures(&candidate, &["dags/a.py".into(), "dags/b.py".into()].into()), None);
        insta::assert_snapshot!(new_failures(&candidate, &["dags/a.py".into()].into()).unwrap(), @r"
        1 DAG file does not parse in the new environment
          - dags/b.py: ModuleNotFoundError: No module named 'nope'
            dags/b.py:3: import nope
        ");
    }
}
