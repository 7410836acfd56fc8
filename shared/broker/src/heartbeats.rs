//! Celery's worker events: who lives and how busy it says it is, without asking anybody.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Broker;
use crate::message::Envelope;
use crate::subscription::{Item, Subscription, Topic};

/// Workers remembered at most; the one that was silent longest is forgotten first.
const WORKERS_MAX: usize = 10_000;

/// One worker event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerEvent {
    /// Celery node name.
    pub node: String,
    /// What it says.
    pub kind: WorkerEventKind,
    /// Slots in use.
    pub active: u32,
    /// Tasks processed since the worker started.
    pub processed: u64,
}

/// Kinds of worker events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerEventKind {
    /// The worker has started to consume.
    Online,
    /// Every 2 s by default.
    Heartbeat,
    /// The worker got SIGTERM: it takes nothing new and answers no remote control any more, but its tasks
    /// may run on.
    Offline,
}

impl WorkerEvent {
    /// Decodes the payload of a `celeryev` message. `None`: another event, or not one at all.
    pub fn decode(payload: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            hostname: String,
            r#type: String,
            #[serde(default)]
            active: u32,
            #[serde(default)]
            processed: u64,
        }
        let envelope: Envelope = serde_json::from_slice(payload).ok()?;
        let body: Body = serde_json::from_slice(&envelope.body_bytes()?).ok()?;
        let kind = match body.r#type.as_str() {
            "worker-online" => WorkerEventKind::Online,
            "worker-heartbeat" => WorkerEventKind::Heartbeat,
            "worker-offline" => WorkerEventKind::Offline,
            _ => return None,
        };
        Some(Self { node: body.hostname, kind, active: body.active, processed: body.processed })
    }
}

/// A bounded subscription to worker events that connects again by itself. Ends when dropped.
pub struct Heartbeats {
    subscription: Subscription,
}

impl Heartbeats {
    /// The next event; pends while there is none. Cancel-safe.
    pub async fn next(&mut self) -> WorkerEvent {
        loop {
            if let Item::Message(payload) = self.subscription.next().await
                && let Some(event) = WorkerEvent::decode(&payload)
            {
                return event;
            }
        }
    }
}

impl Broker {
    /// Listens to worker events. Must be called within a tokio runtime.
    pub fn heartbeats(&self) -> Heartbeats {
        let pattern = crate::keys::worker_events_pattern(self.address().database());
        Heartbeats { subscription: Subscription::start(self.clone(), Topic::Pattern(pattern)) }
    }
}

/// A worker as last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenWorker {
    /// When (the caller's clock, milliseconds).
    pub at_ms: u64,
    /// Whether it said goodbye.
    pub offline: bool,
    /// Slots in use.
    pub active: u32,
    /// Tasks processed since the worker started.
    pub processed: u64,
}

/// Last-seen table, fed with [`WorkerEvent`]s. Pure: the caller says what time it is.
#[derive(Debug, Clone, Default)]
pub struct WorkerTable {
    workers: BTreeMap<String, SeenWorker>,
}

impl WorkerTable {
    /// Takes an event that arrived at `now_ms`.
    pub fn take(&mut self, event: &WorkerEvent, now_ms: u64) {
        if self.workers.len() >= WORKERS_MAX && !self.workers.contains_key(&event.node) {
            let silent = self.workers.iter().min_by_key(|(_, seen)| seen.at_ms).map(|(node, _)| node.clone());
            if let Some(node) = silent {
                self.workers.remove(&node);
            }
        }
        let seen = SeenWorker {
            at_ms: now_ms,
            offline: event.kind == WorkerEventKind::Offline,
            active: event.active,
            processed: event.processed,
        };
        self.workers.insert(event.node.clone(), seen);
    }

    /// Forgets workers that were last seen more than `age_ms` ago.
    pub fn forget_older_than(&mut self, age_ms: u64, now_ms: u64) {
        self.workers.retain(|_, seen| now_ms.saturating_sub(seen.at_ms) <= age_ms);
    }

    /// A worker by its node name.
    pub fn get(&self, node: &str) -> Option<&SeenWorker> {
        self.workers.get(node)
    }

    /// All workers by node name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &SeenWorker)> {
        self.workers.iter().map(|(node, seen)| (node.as_str(), seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a worker of Airflow 3.3.2 sent it.
    const CAPTURED: &[u8] = br#"{"body": "eyJob3N0bmFtZSI6ICJ3MUB2bSIsICJ1dGNvZmZzZXQiOiAwLCAicGlkIjogMzI3MDksICJjbG9jayI6IDM0LCAiZnJlcSI6IDIuMCwgImFjdGl2ZSI6IDQsICJwcm9jZXNzZWQiOiA3LCAibG9hZGF2ZyI6IFszLjIsIDIuMDQsIDEuMjNdLCAic3dfaWRlbnQiOiAicHktY2VsZXJ5IiwgInN3X3ZlciI6ICI1LjYuMyIsICJzd19zeXMiOiAiTGludXgiLCAidGltZXN0YW1wIjogMTc5NTMyNjQ3My45NTEyNDk4LCAidHlwZSI6ICJ3b3JrZXItaGVhcnRiZWF0In0=", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"hostname": "w1@vm"}, "properties": {"delivery_mode": 1, "delivery_info": {"exchange": "celeryev", "routing_key": "worker.heartbeat"}, "priority": 0, "body_encoding": "base64", "delivery_tag": "5e7e467c-68e3-4f2e-a114-b3a159fa8b92"}}"#;

    #[test]
    fn a_captured_heartbeat_is_read() {
        let event = WorkerEvent::decode(CAPTURED).unwrap();
        let expected =
            WorkerEvent { node: "w1@vm".into(), kind: WorkerEventKind::Heartbeat, active: 4, processed: 7 };
        assert_eq!(event, expected);
        assert_eq!(WorkerEvent::decode(b"{}"), None);
    }

    #[test]
    fn the_table_remembers_a_bounded_number_and_forgets_the_silent() {
        let mut table = WorkerTable::default();
        let event = |n: usize| WorkerEvent {
            node: format!("w{n}"),
            kind: WorkerEventKind::Heartbeat,
            active: 0,
            processed: 0,
        };
        for n in 0..=WORKERS_MAX {
            table.take(&event(n), n as u64);
        }
        assert_eq!(table.iter().count(), WORKERS_MAX);
        assert!(table.get("w0").is_none() && table.get("w1").is_some());
        table.forget_older_than(5, WORKERS_MAX as u64);
        assert_eq!(table.iter().count(), 6);
    }
}
