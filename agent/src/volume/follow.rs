use std::sync::Arc;
use std::time::Duration;

use daemon::Backoff;
use domain::{Nudge, NudgeKind, PublicationId, Ref, RepositoryName, keys};
use objectstore::{ETag, Fetched};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::current::{CurrentError, advance};
use super::prepare::{PrepareError, Preparer, Ready};
use super::tree::remove_abandoned;
use crate::link::BrokerLink;

/// Longest pause between two looks while something fails: a full disk or a store that is away is not hammered.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// What is known about a followed repository.
#[derive(Debug, Clone, Default)]
pub struct Followed {
    /// The current publication, once it is usable here.
    pub current: Option<(PublicationId, Ready)>,
    /// The candidate, once it is usable here.
    pub candidate: Option<PublicationId>,
    /// Sequence of the ref that named it.
    pub candidate_sequence: u64,
    /// Sequence of the ref that was last read.
    pub sequence: u64,
    /// Why the latest step failed; absent when it did not.
    pub problem: Option<String>,
}

/// Follows the ref of one repository: makes candidate and current usable, moves the link, tells who waits.
#[derive(Debug)]
pub struct Follower {
    /// The repository.
    pub repository: RepositoryName,
    /// Its ref.
    pub reference: String,
    /// Time between two looks without a nudge.
    pub poll: Duration,
    /// Makes things usable.
    pub preparer: Arc<Preparer>,
    /// Wakes it before its time.
    pub nudged: Arc<Notify>,
    /// Carries `ready` nudges.
    pub link: Option<Arc<BrokerLink>>,
    /// Channel of nudges.
    pub release: String,
    /// Who is ready.
    pub holder: String,
    /// What others see.
    pub followed: watch::Sender<Followed>,
}

/// Why a look at the ref was not complete.
#[derive(Debug, thiserror::Error)]
enum FollowError {
    #[error("reading the ref")]
    Store(#[from] objectstore::Error),
    #[error("the ref cannot be read")]
    Format(#[from] serde_json::Error),
    #[error("the ref has schema {0}, expected {expected}", expected = domain::publication::SCHEMA)]
    Schema(u32),
    #[error("making {0} usable")]
    Prepare(PublicationId, #[source] PrepareError),
    #[error("moving the current tree")]
    Current(#[from] CurrentError),
}

impl Follower {
    /// Follows until `stop`. Failures are shown, logged once each, and tried again at the next look.
    pub async fn run(&self, stop: CancellationToken) {
        remove_abandoned(self.preparer.volume(), &self.repository);
        let (mut known, mut nudged) = (None, false);
        let mut backoff = Backoff::new(self.poll, RETRY_MAX.max(self.poll));
        loop {
            let before = self.told();
            let result = tokio::select! {
                () = stop.cancelled() => return,
                result = self.look(&mut known) => result,
            };
            let pause = if result.is_ok() { self.poll } else { backoff.next_wait() };
            if result.is_ok() {
                backoff.reset();
            }
            self.show(result.err().as_ref());
            // Whoever nudges may not have listened when this candidate was found by a poll.
            if let Some(sequence) = self.told().filter(|_| nudged && before == self.told()) {
                self.tell_ready(sequence).await;
            }
            nudged = tokio::select! {
                () = stop.cancelled() => return,
                () = self.nudged.notified() => true,
                () = tokio::time::sleep(pause) => false,
            };
        }
    }

    /// The sequence of the ref whose candidate is ready here and was told to be.
    fn told(&self) -> Option<u64> {
        let followed = self.followed.borrow();
        followed.candidate.as_ref().map(|_| followed.candidate_sequence)
    }

    /// One look. `known` is the version of the ref that was carried out completely.
    async fn look(&self, known: &mut Option<ETag>) -> Result<(), FollowError> {
        let key = keys::reference(&self.repository, &self.reference);
        let store = self.preparer.store();
        let object = match known {
            Some(etag) => match store.get_unless(&key, etag).await? {
                Fetched::Changed(object) => object,
                Fetched::Unchanged | Fetched::Missing => return Ok(()),
            },
            None => match store.get(&key).await? {
                Some(object) => object,
                None => return Ok(()),
            },
        };
        let reference: Ref = serde_json::from_slice(&object.bytes)?;
        if reference.schema != domain::publication::SCHEMA {
            return Err(FollowError::Schema(reference.schema));
        }
        self.followed.send_if_modified(|followed| {
            let newer = reference.sequence > followed.sequence;
            followed.sequence = followed.sequence.max(reference.sequence);
            newer
        });
        // The current one first: tasks wait for it, only the flip waits for the candidate.
        let current = match &reference.current {
            Some(id) => self.take_current(id).await,
            None => Ok(()),
        };
        // A current publication that cannot be had here must not keep a better candidate away.
        match &reference.candidate {
            Some(id) => self.take_candidate(id, reference.sequence).await?,
            None => {
                self.followed.send_if_modified(|followed| followed.candidate.take().is_some());
            }
        }
        current?;
        *known = Some(object.etag);
        Ok(())
    }

    async fn take_current(&self, id: &PublicationId) -> Result<(), FollowError> {
        let ready = self.prepare(id).await?;
        advance(self.preparer.volume(), &self.repository, id)?;
        self.followed.send_if_modified(|followed| {
            let newer = followed.current.as_ref().is_none_or(|(now, _)| now.sequence() < id.sequence());
            if newer {
                tracing::info!(repository = %self.repository, publication = %id, took_ms = ready.took_ms, "current");
                followed.current = Some((id.clone(), ready));
            }
            newer
        });
        Ok(())
    }

    async fn take_candidate(&self, id: &PublicationId, sequence: u64) -> Result<(), FollowError> {
        let ready = self.prepare(id).await?;
        tracing::info!(repository = %self.repository, publication = %id, took_ms = ready.took_ms, "candidate ready");
        self.followed.send_modify(|followed| {
            followed.candidate = Some(id.clone());
            followed.candidate_sequence = sequence;
        });
        self.tell_ready(sequence).await;
        Ok(())
    }

    async fn tell_ready(&self, sequence: u64) {
        let Some(link) = &self.link else { return };
        let nudge = Nudge {
            kind: NudgeKind::Ready,
            repository: self.repository.to_string(),
            sequence,
            holder: Some(self.holder.clone()),
        };
        let sent = async { link.broker().await?.publish_nudge(&self.release, &nudge).await };
        if let Err(error) = sent.await {
            // The flip then waits for its own bound; nothing is lost.
            tracing::warn!(repository = %self.repository, %error, hint = error.hint(), "readiness was not told");
        }
    }

    async fn prepare(&self, id: &PublicationId) -> Result<Ready, FollowError> {
        let prepared = self.preparer.publication(&self.repository, id).await;
        prepared.map_err(|error| FollowError::Prepare(id.clone(), error))
    }

    fn show(&self, error: Option<&FollowError>) {
        let problem = error.map(|error| crate::chain(error));
        self.followed.send_if_modified(|followed| {
            let changed = followed.problem != problem;
            if changed {
                if let Some(problem) = &problem {
                    tracing::warn!(repository = %self.repository, problem, "not up to date");
                } else {
                    tracing::info!(repository = %self.repository, "up to date again");
                }
                followed.problem = problem;
            }
            changed
        });
    }
}
