//! What a decision hands to the next one. Small, bounded, and written to disk by the shell.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::window::HighWater;

/// Memory between decisions of one pool. Start with `State::default()`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    /// Highest number of workers wanted within the last `idle_s`.
    pub wanted: HighWater,
    /// Whether the last decision lacked facts, so that `wanted` has a gap.
    pub blind: bool,
    /// When each queue head was first seen (Unix milliseconds), by message id.
    pub heads: BTreeMap<String, u64>,
    /// Since when each worker has had no task, by name.
    pub idle_since: BTreeMap<String, u64>,
    /// Since when more is in flight than our workers account for.
    pub unaccounted_since: Option<u64>,
    /// Last scale-down step.
    pub stepped_down_ms: Option<u64>,
    /// Crashes in a row.
    pub failures: u32,
    /// Last crash.
    pub crashed_ms: Option<u64>,
}
