//! The order of writes that makes a flip atomic, raceable and safe to kill at any point.
//!
//! Tree → publication (create-only) → ref.candidate (If-Match) → ref.current (If-Match). Whatever was written
//! before an end is found and used again by the next run: no publication is ever changed or removed.

use std::ops::ControlFlow;

use bytes::Bytes;
use domain::publication::{Ref, SCHEMA};
use domain::{Publication, PublicationId, RepositoryName, keys};
use objectstore::{Condition, ETag, PutOutcome, Store};
use serde::de::DeserializeOwned;

use super::SyncError;
use super::error::store;
use super::publication::Proved;

/// Writes that others may win before this gives up for a round.
const TRIES: u32 = 10;

/// A write that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// The tree is in the store.
    Tree,
    /// The publication is in the store.
    Publication,
    /// It is the ref's candidate.
    Candidate,
    /// It is current.
    Current,
}

/// Called after each write; tests end the run here, as `kill -9` would.
pub(super) type AfterStep<'a> = &'a (dyn Fn(Step) -> ControlFlow<()> + Send + Sync);

/// A ref as it stands, with what it names.
#[derive(Debug, Clone)]
pub(super) struct Standing {
    pub(super) reference: Ref,
    etag: Option<ETag>,
    pub(super) current: Option<Publication>,
    pub(super) candidate: Option<Publication>,
}

/// Where a proved commit stands after [`Flip::propose`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Proposed {
    /// It is the ref's candidate; the ref's sequence.
    Candidate(PublicationId, u64),
    /// It is current already.
    Current(PublicationId),
}

/// What became of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settled {
    /// It is current; the ref's sequence.
    Current(u64),
    /// Another sync put another candidate in its place.
    Superseded,
}

/// One ref of one repository.
#[derive(Clone, Copy)]
pub(super) struct Flip<'a> {
    pub(super) store: &'a Store,
    pub(super) repository: &'a RepositoryName,
    pub(super) reference: &'a str,
    pub(super) after: AfterStep<'a>,
}

impl Flip<'_> {
    /// The ref and the publications that it names.
    pub(super) async fn read(&self) -> Result<Standing, SyncError> {
        let key = keys::reference(self.repository, self.reference);
        let Some(object) = self.store.get(&key).await.map_err(store("reading the ref"))? else {
            let reference = Ref { schema: SCHEMA, candidate: None, current: None, sequence: 0 };
            return Ok(Standing { reference, etag: None, current: None, candidate: None });
        };
        let reference: Ref = parse(&key, &object.bytes)?;
        let current = self.publication(reference.current.as_ref()).await?;
        let candidate = self.publication(reference.candidate.as_ref()).await?;
        Ok(Standing { reference, etag: Some(object.etag), current, candidate })
    }

    async fn publication(&self, id: Option<&PublicationId>) -> Result<Option<Publication>, SyncError> {
        let Some(id) = id else { return Ok(None) };
        let key = keys::publication(self.repository, id);
        let object = self.store.get(&key).await.map_err(store("reading a publication"))?;
        let object = object.ok_or_else(|| SyncError::Gone { key: key.clone() })?;
        parse(&key, &object.bytes).map(Some)
    }

    /// Publishes `proved` and makes it the candidate. `now_s` is Unix seconds.
    pub(super) async fn propose(&self, proved: &Proved, now_s: u64) -> Result<Proposed, SyncError> {
        let mut floor = 0;
        for _ in 0..TRIES {
            let standing = self.read().await?;
            if let (Some(id), Some(_)) =
                (&standing.reference.current, standing.current.as_ref().filter(|p| proved.is(p)))
            {
                return Ok(Proposed::Current(id.clone()));
            }
            if let (Some(id), Some(_)) =
                (&standing.reference.candidate, standing.candidate.as_ref().filter(|p| proved.is(p)))
            {
                return Ok(Proposed::Candidate(id.clone(), standing.reference.sequence));
            }
            let highest = [&standing.current, &standing.candidate];
            let highest = highest.into_iter().flatten().map(|publication| publication.sequence).max();
            let sequence = highest.unwrap_or(0).max(floor) + 1;
            let previous = standing.reference.current.as_ref().zip(standing.current.as_ref());
            let publication = proved.at(sequence, previous, now_s);
            let Some(id) = self.create(proved, &publication).await? else {
                // Left by a run that ended before it was a candidate, about something else.
                floor = sequence;
                continue;
            };
            self.done(Step::Publication)?;
            let reference = Ref {
                candidate: Some(id.clone()),
                sequence: standing.reference.sequence + 1,
                ..standing.reference.clone()
            };
            if self.replace(&reference, standing.etag).await? {
                self.done(Step::Candidate)?;
                return Ok(Proposed::Candidate(id, reference.sequence));
            }
        }
        Err(self.raced())
    }

    /// Writes the publication, or finds the same one written before; `None` when another has its place.
    async fn create(
        &self,
        proved: &Proved,
        publication: &Publication,
    ) -> Result<Option<PublicationId>, SyncError> {
        let id = publication
            .id()
            .map_err(|source| SyncError::Id { commit: publication.commit.clone(), source })?;
        let key = keys::publication(self.repository, &id);
        let bytes = encode(publication)?;
        let put = self.store.put(&key, bytes, Condition::Absent).await.map_err(store("publishing"))?;
        if let PutOutcome::Written(_) = put {
            return Ok(Some(id));
        }
        let known = self.publication(Some(&id)).await?;
        let same = known.is_some_and(|known| proved.is(&known) && known.previous == publication.previous);
        Ok(same.then_some(id))
    }

    /// Makes the candidate `id` current.
    pub(super) async fn settle(&self, id: &PublicationId) -> Result<Settled, SyncError> {
        for _ in 0..TRIES {
            let standing = self.read().await?;
            if standing.reference.current.as_ref() == Some(id) {
                return Ok(Settled::Current(standing.reference.sequence));
            }
            if standing.reference.candidate.as_ref() != Some(id) {
                return Ok(Settled::Superseded);
            }
            let reference = Ref {
                schema: SCHEMA,
                candidate: None,
                current: Some(id.clone()),
                sequence: standing.reference.sequence + 1,
            };
            if self.replace(&reference, standing.etag).await? {
                self.done(Step::Current)?;
                return Ok(Settled::Current(reference.sequence));
            }
        }
        Err(self.raced())
    }

    /// Takes the candidate `id` back; nothing happens when the ref went on.
    pub(super) async fn withdraw(&self, id: &PublicationId) -> Result<(), SyncError> {
        let standing = self.read().await?;
        if standing.reference.candidate.as_ref() != Some(id) {
            return Ok(());
        }
        let sequence = standing.reference.sequence + 1;
        let reference = Ref { candidate: None, sequence, ..standing.reference };
        self.replace(&reference, standing.etag).await.map(drop)
    }

    async fn replace(&self, reference: &Ref, seen: Option<ETag>) -> Result<bool, SyncError> {
        let key = keys::reference(self.repository, self.reference);
        let condition = seen.map_or(Condition::Absent, Condition::Matches);
        let put =
            self.store.put(&key, encode(reference)?, condition).await.map_err(store("writing the ref"))?;
        Ok(matches!(put, PutOutcome::Written(_)))
    }

    pub(super) fn done(&self, step: Step) -> Result<(), SyncError> {
        tracing::debug!(?step, repository = %self.repository, "written");
        if (self.after)(step).is_break() { Err(SyncError::Stopped) } else { Ok(()) }
    }

    fn raced(&self) -> SyncError {
        SyncError::Raced { repository: self.repository.to_string(), times: TRIES }
    }
}

fn parse<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, SyncError> {
    serde_json::from_slice(bytes).map_err(|source| SyncError::Stored { key: key.to_owned(), source })
}

fn encode<T: serde::Serialize>(document: &T) -> Result<Bytes, SyncError> {
    serde_json::to_vec_pretty(document).map(Bytes::from).map_err(SyncError::Encode)
}

#[cfg(test)]
mod tests;
