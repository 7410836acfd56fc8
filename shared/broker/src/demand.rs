//! From raw messages to demand: pure, so that captures of a real broker can be replayed in tests.

use std::collections::{BTreeMap, HashSet};

use crate::message::Message;

/// What waits and runs in one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct QueueFacts {
    /// Messages in the queue's lists, counted by Redis.
    pub messages: u64,
    /// Work that a worker could do now: distinct, not expired, not already running. The unread part of the
    /// queue counts in full.
    pub ready: u64,
    /// Messages for work that another message in the queue, or a running task, already stands for.
    pub duplicates: u64,
    /// Of the duplicates, the distinct work for which a message in flight stands. It is demand after all when
    /// that message was left behind: Airflow 2 sends a retry with the same words as the lost attempt, which
    /// Redis still lists as in flight until its visibility timeout.
    pub covered: u64,
    /// Messages whose token has ended: whoever takes them can only fail them.
    pub expired: u64,
    /// Messages beyond the part that is read, so neither duplicates nor expired ones are known there.
    pub unread: u64,
    /// Messages that workers have taken and not yet acknowledged: running tasks, and those that a killed
    /// worker has left behind.
    pub in_flight: u64,
    /// Celery id of the ready work that is taken next; while it is the same, nobody takes anything.
    pub head: Option<String>,
}

/// The raw material of [`count`] for one queue.
#[derive(Debug, Clone, Default)]
pub struct RawQueue {
    /// Σ LLEN over the priority lists.
    pub messages: u64,
    /// The elements read, the next one to be taken first.
    pub read: Vec<Vec<u8>>,
}

/// Counts demand. `unacked` holds the values of the `unacked` hash, which all queues share; what of it could
/// not be read is `unacked_unread` and is spread over no queue. `now_s` is Unix time in seconds.
pub fn count(
    queues: &BTreeMap<String, RawQueue>,
    unacked: &[Vec<u8>],
    now_s: u64,
) -> BTreeMap<String, QueueFacts> {
    let mut facts: BTreeMap<String, QueueFacts> =
        queues.keys().map(|queue| (queue.clone(), QueueFacts::default())).collect();
    // A task that runs while a second message for it waits is no demand: the worker that takes the message
    // is told by the API server that the task is not to be run.
    let mut taken = HashSet::new();
    for (message, queue) in unacked.iter().filter_map(|raw| Message::decode_unacked(raw)) {
        if let Some(facts) = facts.get_mut(&queue) {
            facts.in_flight += 1;
        }
        taken.insert(message.work_key());
    }
    let mut seen = HashSet::new();
    for (queue, raw) in queues {
        if let Some(facts) = facts.get_mut(queue) {
            count_queue(facts, raw, &taken, &mut seen, now_s);
        }
    }
    facts
}

fn count_queue(
    facts: &mut QueueFacts,
    raw: &RawQueue,
    taken: &HashSet<String>,
    seen: &mut HashSet<String>,
    now_s: u64,
) {
    let read = raw.read.len() as u64;
    // A message can arrive between the commands of one round trip.
    facts.messages = raw.messages.max(read);
    facts.unread = facts.messages - read;
    facts.ready = facts.unread;
    for element in &raw.read {
        let Some(message) = Message::decode(element) else {
            facts.ready += 1;
            continue;
        };
        let work = message.work_key();
        let is_covered = taken.contains(&work);
        if message.is_expired(now_s) {
            facts.expired += 1;
        } else if !seen.insert(work) {
            facts.duplicates += 1;
        } else if is_covered {
            facts.duplicates += 1;
            facts.covered += 1;
        } else {
            facts.ready += 1;
            facts.head.get_or_insert(message.celery_id);
        }
    }
}
