//! What sync says about a commit.

use std::path::Path;

use serde::Deserialize;

use crate::failure::Failure;
use crate::process::Program;
use crate::state::State;
use crate::{machine, programs};

/// Why a commit was refused.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Refusal {
    /// The reason in words, as people read it.
    pub words: String,
    /// Text of a requirements.txt that works.
    pub proposal: Option<String>,
}

/// The refusal of `commit`, once there is one.
pub(super) async fn refusal(state: &State, base: &Path, commit: &str) -> Result<Option<Refusal>, Failure> {
    let env = programs::sync_environment(state, base);
    let status = Program::new(
        "sync-status",
        &machine::sibling("updraft-agent")?,
        &["sync", "status", "--format", "json"],
        env,
    );
    let output = status.output(state).await?;
    drop((output, commit));
    Ok(None)
}
