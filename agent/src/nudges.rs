use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use broker::NudgeEvent;
use daemon::{Backoff, CancellationToken};
use domain::NudgeKind;
use tokio::sync::Notify;

use crate::link::BrokerLink;

/// Waits between attempts to reach the broker; nudges only save time, so there is no hurry.
const RETRY: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Wakes the followers of the repositories that nudges name, until `stop`.
pub(crate) async fn listen(
    link: Arc<BrokerLink>,
    release: String,
    followers: BTreeMap<String, Arc<Notify>>,
    stop: CancellationToken,
) {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    let broker = loop {
        match link.broker().await {
            Ok(broker) => break broker,
            Err(error) => {
                tracing::warn!(%error, hint = error.hint(), "no nudges: refs are polled only");
                let wait = tokio::time::sleep(backoff.next_wait());
                if stop.run_until_cancelled(wait).await.is_none() {
                    return;
                }
            }
        }
    };
    let mut nudges = broker.nudges(&release);
    while let Some(event) = stop.run_until_cancelled(nudges.next()).await {
        match event {
            NudgeEvent::Connected => followers.values().for_each(|follower| follower.notify_one()),
            NudgeEvent::Nudge(nudge) if nudge.kind != NudgeKind::Ready => {
                if let Some(follower) = followers.get(&nudge.repository) {
                    follower.notify_one();
                }
            }
            NudgeEvent::Nudge(_) => {}
        }
    }
}
