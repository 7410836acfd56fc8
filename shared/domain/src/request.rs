//! Requests: what the user asked for, as the key under which the answer is remembered.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::canonical::CanonicalError;
use crate::digest::identity;
use crate::{BaseId, Digest, EnvId};

/// Version of [`Request`] and [`Alias`].
pub const SCHEMA: u32 = 1;

identity! {
    /// Identity of a [`Request`].
    RequestId
}

/// Where packages come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct IndexPolicy {
    /// Index addresses without credentials, in order.
    pub urls: Vec<String>,
    /// Places with loose files (`--find-links`), in order.
    pub find_links: Vec<String>,
    /// `first-index` or `unsafe-best-match`.
    pub strategy: String,
}

/// Everything that decides which environment is the answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Request {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Expanded requirement lines, normalised, hashes kept, sorted, without duplicates.
    pub requirements: Vec<String>,
    /// Expanded constraint lines, likewise.
    pub constraints: Vec<String>,
    /// The base.
    pub base_id: BaseId,
    /// `prefer` or `strict`.
    pub base_policy: String,
    /// Distributions that must stay the base's, sorted.
    pub protected: Vec<String>,
    /// Index policy.
    pub index: IndexPolicy,
    /// Cut-off date (`--exclude-newer`), RFC 3339.
    pub exclude_newer: Option<String>,
    /// `none` or `imports`.
    pub verify: String,
}

impl Request {
    /// The request's identity.
    pub fn id(&self) -> Result<RequestId, CanonicalError> {
        Digest::of_canonical(self).map(RequestId)
    }
}

/// `v1/aliases/<request id>.json`: the environment that answers a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Alias {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The environment.
    pub env_id: EnvId,
}
