use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a [`Nudge`] is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NudgeKind {
    /// The ref has a new candidate: readers make it ready.
    Candidate,
    /// A reader (`holder`) has the candidate of this sequence ready.
    Ready,
    /// The ref's current publication changed.
    Current,
}

/// A hint on Redis pub/sub that saves readers the wait for their next poll. Losing one is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nudge {
    /// What happened.
    pub kind: NudgeKind,
    /// The repository it happened to.
    pub repository: String,
    /// The ref's sequence after it.
    pub sequence: u64,
    /// Who answers, for [`NudgeKind::Ready`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

/// The pub/sub channel of a release.
pub fn nudge_channel(release: &str) -> String {
    format!("updraft:{release}:nudge")
}
