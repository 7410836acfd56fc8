//! Publications: a commit's tree with its environments, and the refs that say which one is current.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{BaseId, Digest, EnvId};

/// Version of [`Publication`] and [`Ref`].
pub const SCHEMA: u32 = 1;
/// Name of the environment that a repository's tasks use unless they say otherwise.
pub const DEFAULT_ENVIRONMENT: &str = "default";

/// A repository's name in the store and in folders: `[a-z0-9][a-z0-9_-]{0,62}`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct RepositoryName(String);

/// Text that is no repository name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "`{0}` is not a repository name: expected 1 to 63 of a-z, 0-9, `-` and `_`, the first a letter or digit"
)]
pub struct RepositoryNameError(pub String);

impl RepositoryName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RepositoryName {
    type Err = RepositoryNameError;

    fn from_str(text: &str) -> Result<Self, RepositoryNameError> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let fits = (1..=63).contains(&text.len())
            && text.starts_with(plain)
            && text.chars().all(|c| plain(c) || c == '-' || c == '_');
        if fits { Ok(Self(text.to_owned())) } else { Err(RepositoryNameError(text.to_owned())) }
    }
}

impl TryFrom<String> for RepositoryName {
    type Error = RepositoryNameError;

    fn try_from(text: String) -> Result<Self, RepositoryNameError> {
        text.parse()
    }
}

impl From<RepositoryName> for String {
    fn from(name: RepositoryName) -> Self {
        name.0
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `<sequence, 8 digits>-<first 12 digits of the commit>`: the bundle version in Airflow.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
pub struct PublicationId {
    sequence: u64,
    commit: String,
}

/// Text that is no publication id.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is not a publication id: expected <sequence, 8 digits>-<12 hexadecimal digits of the commit>")]
pub struct PublicationIdError(pub String);

impl PublicationId {
    /// The id of publication `sequence` of `commit` (a full hexadecimal commit id).
    pub fn new(sequence: u64, commit: &str) -> Result<Self, PublicationIdError> {
        let short: String = commit.chars().take(12).collect();
        format!("{sequence:08}-{short}").parse()
    }

    /// Position among the repository's publications, from 1.
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// First 12 digits of the commit.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

impl FromStr for PublicationId {
    type Err = PublicationIdError;

    fn from_str(text: &str) -> Result<Self, PublicationIdError> {
        let refuse = || PublicationIdError(text.to_owned());
        let (sequence, commit) = text.split_once('-').ok_or_else(refuse)?;
        let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
        let fits = sequence.len() >= 8
            && sequence.bytes().all(|c| c.is_ascii_digit())
            && commit.len() == 12
            && commit.bytes().all(hex);
        if !fits {
            return Err(refuse());
        }
        Ok(Self { sequence: sequence.parse().map_err(|_| refuse())?, commit: commit.to_owned() })
    }
}

impl TryFrom<String> for PublicationId {
    type Error = PublicationIdError;

    fn try_from(text: String) -> Result<Self, PublicationIdError> {
        text.parse()
    }
}

impl From<PublicationId> for String {
    fn from(id: PublicationId) -> Self {
        id.to_string()
    }
}

impl fmt::Display for PublicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08}-{}", self.sequence, self.commit)
    }
}

/// One file of a published tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedFile {
    /// Path in the repository.
    pub path: String,
    /// sha256 of the content (of the target for a link).
    pub sha256: Digest,
    /// Modification time that readers give the file, Unix seconds: when its content last changed.
    pub mtime_s: u64,
}

/// An environment of a publication, for one base.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedEnvironment {
    /// Its name in the repository, [`DEFAULT_ENVIRONMENT`] unless configured.
    pub environment: String,
    /// The base it was built for.
    pub base_id: BaseId,
    /// The environment.
    pub env_id: EnvId,
}

/// Why a publication was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// A new commit.
    Push,
    /// An operator went back to an earlier commit.
    Rollback,
    /// An operator published files outside a commit.
    Hotfix,
    /// The same commit with other environments (a new base).
    Environment,
}

/// `v1/trees/<repo>/publications/<publication id>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Publication {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The repository.
    pub repository: RepositoryName,
    /// Full commit id.
    pub commit: String,
    /// sha256 of the uncompressed tar of the commit's files.
    pub tree_digest: Digest,
    /// Position among the repository's publications, from 1.
    pub sequence: u64,
    /// The publication before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<PublicationId>,
    /// Files, sorted by path.
    pub files: Vec<PublishedFile>,
    /// Environments, sorted by name and base. Empty when the repository has no requirements: tasks then run in the base.
    pub environments: Vec<PublishedEnvironment>,
    /// Why it was made.
    pub reason: Reason,
    /// Who made it: a commit's author, an operator.
    pub by: String,
}

impl Publication {
    /// Its id.
    pub fn id(&self) -> Result<PublicationId, PublicationIdError> {
        PublicationId::new(self.sequence, &self.commit)
    }

    /// The environment of this name for this base.
    pub fn environment(&self, name: &str, base_id: BaseId) -> Option<EnvId> {
        self.environments.iter().find(|e| e.environment == name && e.base_id == base_id).map(|e| e.env_id)
    }
}

/// `v1/trees/<repo>/refs/<ref>.json`: the truth of what is current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ref {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Being made ready by readers; becomes current next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<PublicationId>,
    /// What new runs use; absent before the first flip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<PublicationId>,
    /// Grows with every change of this object. Readers never go back.
    pub sequence: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn publication_ids_read_back(sequence in 1u64..200_000_000, commit in "[0-9a-f]{40}") {
            let id = PublicationId::new(sequence, &commit).unwrap();
            prop_assert_eq!(id.to_string().parse::<PublicationId>().unwrap(), id);
        }

        #[test]
        fn publication_ids_sort_like_their_text(a in 1u64..99_999_999, b in 1u64..99_999_999, c in "[0-9a-f]{12}") {
            let (x, y) = (PublicationId::new(a, &c).unwrap(), PublicationId::new(b, &c).unwrap());
            prop_assert_eq!(x.cmp(&y), x.to_string().cmp(&y.to_string()));
        }
    }

    #[test]
    fn a_path_is_no_repository_name() {
        for text in ["", "../x", "a/b", "-a", "A", "a b", ".git"] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text}");
        }
    }
}
