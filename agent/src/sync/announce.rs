//! Telling readers, and hearing that they are ready. All of it may be lost: readers poll too.

use std::collections::BTreeSet;
use std::time::Duration;

use broker::{Broker, NudgeEvent, Nudges};
use domain::{Nudge, NudgeKind, RepositoryName};
use secrecy::SecretString;

/// Connecting to Redis, and standing a subscription: longer waits would hold up the flip for a hint.
const CONNECT: Duration = Duration::from_secs(5);

/// The nudge channel of a release.
pub(super) struct Announcer {
    url: Option<SecretString>,
    release: String,
    repository: RepositoryName,
    broker: Option<Broker>,
}

/// A subscription that stands.
pub(super) struct Listening {
    broker: Broker,
    nudges: Nudges,
    /// It counts among the receivers of what is published.
    heard: bool,
}

impl Announcer {
    pub(super) fn new(url: Option<SecretString>, release: String, repository: RepositoryName) -> Self {
        Self { url, release, repository, broker: None }
    }

    async fn broker(&mut self) -> Option<Broker> {
        if self.broker.is_none() {
            let connecting = Broker::connect(self.url.as_ref()?);
            match tokio::time::timeout(CONNECT, connecting).await {
                Ok(Ok(broker)) => self.broker = Some(broker),
                Ok(Err(error)) => {
                    tracing::warn!(error = daemon::chain(&error), "no nudges: readers poll");
                }
                Err(_) => tracing::warn!("no nudges: Redis does not answer; readers poll"),
            }
        }
        self.broker.clone()
    }

    fn nudge(&self, kind: NudgeKind, sequence: u64) -> Nudge {
        Nudge { kind, repository: self.repository.to_string(), sequence, holder: None }
    }

    /// Starts to listen. Before the candidate is written: a reader that polls may be ready at once.
    pub(super) async fn listen(&mut self) -> Option<Listening> {
        let broker = self.broker().await?;
        let mut nudges = broker.nudges(&self.release);
        let heard = tokio::time::timeout(CONNECT, connected(&mut nudges)).await.is_ok();
        Some(Listening { broker, nudges, heard })
    }

    /// Asks readers to make the candidate ready and waits until all that heard it are, `limit` at most.
    /// Answers how many were ready and how many were asked.
    pub(super) async fn make_ready(
        &self,
        listening: Option<Listening>,
        sequence: u64,
        limit: Duration,
    ) -> (usize, usize) {
        let Some(Listening { broker, mut nudges, heard }) = listening else { return (0, 0) };
        let candidate = self.nudge(NudgeKind::Candidate, sequence);
        let asked = match broker.publish_nudge(&self.release, &candidate).await {
            // This subscription heard it too.
            Ok(receivers) => usize::try_from(receivers).unwrap_or(0).saturating_sub(usize::from(heard)),
            Err(error) => {
                tracing::warn!(error = daemon::chain(&error), "no nudges: readers poll");
                return (0, 0);
            }
        };
        let mut ready = BTreeSet::new();
        let all = async {
            while ready.len() < asked {
                let NudgeEvent::Nudge(nudge) = nudges.next().await else { continue };
                let ours = nudge.repository == self.repository.as_str() && nudge.sequence == sequence;
                if let (NudgeKind::Ready, true, Some(holder)) = (nudge.kind, ours, nudge.holder) {
                    ready.insert(holder);
                }
            }
        };
        // Whoever is not ready by then waits for it when it needs it.
        let in_time = tokio::time::timeout(limit, all).await.is_ok();
        if !in_time {
            tracing::warn!(
                ready = ready.len(),
                asked,
                limit_s = limit.as_secs(),
                "flipping without the others"
            );
        }
        (ready.len(), asked)
    }

    /// Tells readers that the ref's current publication changed.
    pub(super) async fn current(&mut self, sequence: u64) {
        let Some(broker) = self.broker().await else { return };
        let sent = broker.publish_nudge(&self.release, &self.nudge(NudgeKind::Current, sequence)).await;
        if let Err(error) = sent {
            tracing::warn!(error = daemon::chain(&error), "no nudges: readers poll");
        }
    }
}

async fn connected(nudges: &mut Nudges) {
    while nudges.next().await != NudgeEvent::Connected {}
}
