//! Hints between Updraft's parts over Redis pub/sub (`domain::Nudge`).

use domain::{Nudge, nudge_channel};

use crate::subscription::{Item, Subscription, Topic};
use crate::{Broker, Error};

/// What a subscriber of nudges gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NudgeEvent {
    /// The subscription stands, for the first time or again: read the ref now, nudges may have been missed.
    Connected,
    /// A nudge.
    Nudge(Nudge),
}

/// A bounded subscription to a release's nudges that connects again by itself. Ends when dropped.
pub struct Nudges {
    subscription: Subscription,
}

impl Nudges {
    /// The next event; pends while there is none. Cancel-safe. Messages that are no nudges are skipped.
    pub async fn next(&mut self) -> NudgeEvent {
        loop {
            match self.subscription.next().await {
                Item::Connected => return NudgeEvent::Connected,
                Item::Message(payload) => match serde_json::from_slice(&payload) {
                    Ok(nudge) => return NudgeEvent::Nudge(nudge),
                    Err(error) => tracing::debug!(%error, "not a nudge"),
                },
            }
        }
    }
}

impl Broker {
    /// Sends `nudge` to everybody who listens to `release`; answers how many connections got it.
    ///
    /// # Errors
    /// When the broker does not answer. Losing a nudge is harmless: every reader also polls.
    pub async fn publish_nudge(&self, release: &str, nudge: &Nudge) -> Result<u64, Error> {
        const OPERATION: &str = "sending a nudge";
        let body =
            serde_json::to_vec(nudge).map_err(|source| Error::Encode { operation: OPERATION, source })?;
        let mut connection = self.connection();
        redis::cmd("PUBLISH")
            .arg(nudge_channel(release))
            .arg(body)
            .query_async(&mut connection)
            .await
            .map_err(|source| self.error(OPERATION, source))
    }

    /// Listens to `release`. Must be called within a tokio runtime.
    pub fn nudges(&self, release: &str) -> Nudges {
        Nudges { subscription: Subscription::start(self.clone(), Topic::Channel(nudge_channel(release))) }
    }
}
