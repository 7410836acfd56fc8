//! What sync says about a commit.

use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process::Program;
use crate::repository::REQUIREMENTS;
use crate::state::State;
use crate::{machine, programs};

/// Why a commit was refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The reason in words, as people read it.
    pub words: String,
    /// Text of a requirements.txt that works.
    pub proposal: Option<String>,
}

/// The part of `updraft-agent sync status --format json` that is read here.
#[derive(Debug, Deserialize)]
struct Status {
    outcomes: Vec<Outcome>,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    commit: String,
    /// Present when it was refused.
    reason: Option<String>,
}

/// The refusal of `commit`, once there is one.
pub(crate) async fn refusal(state: &State, base: &Path, commit: &str) -> Result<Option<Refusal>, Failure> {
    let args = ["sync", "status", "--format", "json"];
    let env = programs::sync_environment(state, base);
    let asked = Program::new("sync-status", &machine::sibling("updraft-agent")?, &args, env);
    let output = asked.output(state).await?;
    if output.trim().is_empty() {
        return Ok(None);
    }
    let status: Status = serde_json::from_str(&output)
        .map_err(|_| Failure::Answer { program: "updraft-agent sync status", field: "outcomes" })?;
    let reason = status.outcomes.into_iter().find(|outcome| outcome.commit == commit).and_then(|o| o.reason);
    Ok(reason.map(|words| Refusal { proposal: proposed(&words), words }))
}

/// The file as a person copies it from the message: the indented lines under its heading.
fn proposed(words: &str) -> Option<String> {
    let heading = format!("Proposed {REQUIREMENTS}:");
    let mut lines = words.lines().skip_while(|line| line.trim() != heading);
    lines.next()?;
    let text: String =
        lines.map_while(|line| line.strip_prefix("  ")).flat_map(|line| [line.trim_end(), "\n"]).collect();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::proposed;

    #[test]
    fn the_proposed_file_is_what_stands_under_its_heading() {
        let words = "google 10.1.0 needs …\n\nThis change works:\n  requirements.txt:1: a  →  b\n      newer\n\n\
                     Proposed requirements.txt:\n  apache-airflow-providers-google==22.8.0\n  numpy<2\n\nmore";
        assert_eq!(proposed(words).unwrap(), "apache-airflow-providers-google==22.8.0\nnumpy<2\n");
        assert_eq!(proposed("no change was found"), None);
    }
}
