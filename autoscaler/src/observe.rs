//! From what Redis, heartbeats and agents say to the facts that planning takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autoscaler_plan::{Demand, ServiceTime};
use broker::{Broker, Heartbeats, WorkerEventKind, WorkerTable};
use daemon::CancellationToken;
use domain::worker_node::worker_of;
use tokio::sync::Notify;

use crate::clock::unix_ms;

/// A look must not take much longer than a tick; the broker's own limits are more patient.
const FACTS_TIMEOUT: Duration = Duration::from_secs(2);
/// Workers that were not heard of for so long are forgotten.
const FORGET_AFTER_MS: u64 = 120_000;

/// What all pools know together.
#[derive(Debug, Clone, Default)]
pub(crate) struct Heard(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    workers: Mutex<WorkerTable>,
    changed: Notify,
}

impl Heard {
    /// Listens until told to stop.
    pub(crate) async fn listen(self, mut heartbeats: Heartbeats, stop: CancellationToken) {
        while let Some(event) = stop.run_until_cancelled(heartbeats.next()).await {
            let now_ms = unix_ms();
            {
                let mut workers = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner);
                workers.take(&event, now_ms);
                workers.forget_older_than(FORGET_AFTER_MS, now_ms);
            }
            if event.kind != WorkerEventKind::Heartbeat {
                self.0.changed.notify_waiters();
            }
        }
    }

    /// Waits until a worker came or went.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Hands what the `nodes` said to the measurement of task times.
    pub(crate) fn measure<'a>(&self, nodes: impl Iterator<Item = &'a str>, service: &mut ServiceTime) {
        let workers = self.0.workers.lock().unwrap_or_else(PoisonError::into_inner);
        let known: BTreeSet<&str> = nodes.collect();
        // A worker that rolls to another environment has processes with node names of their own.
        let ours = |node: &str| known.contains(node) || known.contains(worker_of(node).as_str());
        for (node, seen) in workers.iter().filter(|(node, _)| ours(node)) {
            service.take(node, seen.active, seen.processed, seen.at_ms);
        }
        service.keep(ours);
    }
}

/// What waits and runs in `queues`. `None` when the broker does not answer: said once by the caller.
pub(crate) async fn demand(broker: &Broker, queues: &[String]) -> Result<Demand, ObserveError> {
    let facts = match tokio::time::timeout(FACTS_TIMEOUT, broker.facts(queues)).await {
        Ok(facts) => facts.map_err(ObserveError::Broker)?,
        Err(_) => return Err(ObserveError::Slow),
    };
    let mut demand = Demand::default();
    for queue in facts.queues.into_values() {
        demand.ready += queue.ready;
        demand.duplicates += queue.duplicates;
        demand.covered += queue.covered;
        demand.expired += queue.expired;
        demand.unread += queue.unread;
        demand.in_flight += queue.in_flight;
        demand.heads.extend(queue.head);
    }
    Ok(demand)
}

/// Why nothing is known about the queues.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ObserveError {
    /// The broker said so.
    #[error("the queues cannot be read")]
    Broker(#[source] broker::Error),
    /// It says nothing.
    #[error("the queues were not read within {} s", FACTS_TIMEOUT.as_secs())]
    Slow,
}

#[cfg(test)]
mod tests {
    use super::*;
    use broker::WorkerEvent;

    #[test]
    fn a_later_process_of_a_worker_counts_to_it() {
        let heard = Heard::default();
        let mut service = ServiceTime::default();
        for second in 0..=50 {
            for node in ["w1@pod", "w1.g2@pod", "other@pod"] {
                let processed = second;
                let kind = WorkerEventKind::Heartbeat;
                let event = WorkerEvent { node: node.to_owned(), kind, active: 1, processed };
                heard.0.workers.lock().unwrap().take(&event, second * 1_000);
            }
            heard.measure(["w1@pod"].into_iter(), &mut service);
        }
        let completed = serde_json::to_value(&service).unwrap()["completed"].as_u64().unwrap();
        assert_eq!(completed, 98, "49 of each of its two processes, none of the other worker");
    }
}
