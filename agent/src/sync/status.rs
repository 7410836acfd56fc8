//! What became of each commit, for people: kept as one document in the state directory.

use std::fmt;
use std::path::{Path, PathBuf};

use daemon::chain;
use domain::{PublicationId, RepositoryName};
use serde::{Deserialize, Serialize};

use super::SyncError;
use super::error::disk;

/// Version of [`Status`].
const SCHEMA: u32 = 1;
/// Outcomes that are kept: enough to see what happened over a busy day.
const KEPT: usize = 20;
const FILE: &str = "status.json";

/// What became of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "verdict")]
pub enum Verdict {
    /// It is current, or was.
    Published {
        /// The publication.
        publication: PublicationId,
    },
    /// Nothing flipped because of it.
    Refused {
        /// Why, and what would work, in words.
        reason: String,
    },
}

/// The outcome for one commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The commit.
    pub commit: String,
    /// Who wrote it.
    pub author: String,
    /// Its first line.
    pub summary: String,
    /// RFC 3339, UTC.
    pub at: String,
    /// Published or refused.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What should be known although it is no reason to refuse.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Milliseconds from seeing the commit to its outcome.
    pub took_ms: u64,
    /// Bases that the outcome is about: with others the same commit is tried again.
    pub bases: Vec<String>,
}

/// Something that sync depends on does not work now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// What, with its causes.
    pub message: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Since when, RFC 3339, UTC.
    pub since: String,
}

/// `status.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// 1.
    pub schema: u32,
    /// The repository.
    pub repository: RepositoryName,
    /// Present while something does not work; then the last published tree stays in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Told>,
    /// Last publication that readers and Airflow were told about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub announced: Option<PublicationId>,
    /// Newest first.
    pub outcomes: Vec<Outcome>,
}

impl Status {
    pub(super) fn new(repository: RepositoryName) -> Self {
        Self { schema: SCHEMA, repository, trouble: None, announced: None, outcomes: Vec::new() }
    }

    /// The document of a state directory; `None` when there is none yet. One that cannot be read is none.
    pub(super) fn load(state_dir: &Path) -> Result<Option<Self>, SyncError> {
        let path = state_dir.join(FILE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let read: Option<Self> = serde_json::from_slice(&bytes).ok();
                Ok(read.filter(|status| status.schema == SCHEMA))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(SyncError::Disk { path, source }),
        }
    }

    pub(super) fn save(&self, state_dir: &Path) -> Result<(), SyncError> {
        let path: PathBuf = state_dir.join(FILE);
        let bytes = serde_json::to_vec_pretty(self).map_err(SyncError::Encode)?;
        let mut draft = tempfile::NamedTempFile::new_in(state_dir).map_err(disk(state_dir))?;
        std::io::Write::write_all(&mut draft, &bytes)
            .and_then(|()| draft.as_file().sync_all())
            .map_err(disk(&path))?;
        draft.persist(&path).map(drop).map_err(|error| SyncError::Disk { path, source: error.error })
    }

    /// Notes an outcome, and says it once.
    pub(super) fn note(&mut self, outcome: Outcome) {
        match &outcome.verdict {
            Verdict::Published { publication } => {
                tracing::info!(commit = outcome.commit, %publication, took_ms = outcome.took_ms, "published");
            }
            Verdict::Refused { reason } => {
                tracing::error!(
                    commit = outcome.commit,
                    author = outcome.author,
                    "refused, nothing flipped\n{reason}"
                );
            }
        }
        for warning in &outcome.warnings {
            tracing::warn!(commit = outcome.commit, "{warning}");
        }
        self.outcomes.insert(0, outcome);
        self.outcomes.truncate(KEPT);
    }

    /// Whether this commit was refused for exactly these bases.
    pub(super) fn is_refused(&self, commit: &str, bases: &[String]) -> bool {
        let last = self.outcomes.iter().find(|outcome| outcome.commit == commit);
        last.is_some_and(|o| matches!(o.verdict, Verdict::Refused { .. }) && o.bases == bases)
    }

    /// Notes trouble; the same trouble is logged once.
    pub(super) fn trouble(&mut self, error: &SyncError) {
        let (message, hint) = (chain(error), error.hint());
        if self.trouble.as_ref().is_some_and(|known| known.message == message) {
            return;
        }
        tracing::warn!(hint, "{message}");
        let since = self.trouble.take().map_or_else(now, |known| known.since);
        self.trouble = Some(Told { message, hint, since });
    }

    pub(super) fn clear_trouble(&mut self) {
        if let Some(known) = self.trouble.take() {
            tracing::info!(since = known.since, "works again: {}", known.message);
        }
    }
}

/// Now, RFC 3339 in UTC, to the second.
pub(super) fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "repository {}", self.repository)?;
        if let Some(trouble) = &self.trouble {
            writeln!(f, "trouble since {}: {}", trouble.since, trouble.message)?;
            if let Some(hint) = &trouble.hint {
                writeln!(f, "hint: {hint}")?;
            }
        }
        if self.outcomes.is_empty() {
            writeln!(f, "no commit was published or refused yet")?;
        }
        for outcome in &self.outcomes {
            let short: String = outcome.commit.chars().take(12).collect();
            let verdict = match &outcome.verdict {
                Verdict::Published { publication } => format!("published as {publication}"),
                Verdict::Refused { .. } => "refused, nothing flipped".to_owned(),
            };
            writeln!(f, "\n{short} {verdict}, {}, {} ms", outcome.at, outcome.took_ms)?;
            writeln!(f, "  {} ({})", outcome.summary, outcome.author)?;
            for warning in &outcome.warnings {
                writeln!(f, "  warning: {warning}")?;
            }
            if let Verdict::Refused { reason } = &outcome.verdict {
                reason.lines().try_for_each(|line| writeln!(f, "  {line}"))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
