//! One round trip that says everything about the queues.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use redis::FromRedisValue;

use crate::demand::{QueueFacts, RawQueue, count};
use crate::{Broker, Error, keys};

/// Elements read of each list, the oldest ones. More than that only count; 500 messages of Airflow 3 are
/// 1.7 MB, which a tick of 250 ms can afford.
const READ_PER_LIST: isize = 500;
/// Running tasks read at most, for their queue and identity.
const READ_UNACKED: usize = 2_000;

/// What the broker says at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Facts {
    /// When it was asked (Unix milliseconds, this machine's clock).
    pub at_ms: u64,
    /// The queues asked for.
    pub queues: BTreeMap<String, QueueFacts>,
    /// Messages in flight of all queues of this database, also those not asked for.
    pub in_flight_total: u64,
    /// Messages in flight beyond the part that is read: their queue is not known.
    pub in_flight_unread: u64,
}

impl Broker {
    /// Reads what waits and runs in `queues`, in one pipelined round trip.
    ///
    /// # Errors
    /// When the broker does not answer in time or refuses; nothing is guessed.
    pub async fn facts(&self, queues: &[String]) -> Result<Facts, Error> {
        let at_ms = unix_ms();
        let mut pipeline = redis::pipe();
        for queue in queues {
            for list in keys::queue_lists(queue) {
                pipeline.llen(&list).lrange(&list, -READ_PER_LIST, -1);
            }
        }
        pipeline.hlen(keys::UNACKED);
        pipeline.cmd("HSCAN").arg(keys::UNACKED).arg(0).arg("COUNT").arg(READ_UNACKED);
        let mut connection = self.connection();
        let answers: Vec<redis::Value> = pipeline
            .query_async(&mut connection)
            .await
            .map_err(|source| self.error("reading the queues", source))?;
        decode_answers(queues, answers, at_ms).map_err(|source| self.error("reading the queues", source))
    }
}

fn decode_answers(
    queues: &[String],
    answers: Vec<redis::Value>,
    at_ms: u64,
) -> Result<Facts, redis::RedisError> {
    let mut answers = answers.into_iter();
    let mut raw = BTreeMap::new();
    for queue in queues {
        let mut lists = RawQueue::default();
        for _ in keys::queue_lists(queue) {
            let messages: u64 = next(&mut answers)?;
            let mut read: Vec<Vec<u8>> = next(&mut answers)?;
            // Producers push left, workers pop right: the last element is the oldest.
            read.reverse();
            lists.messages += messages.max(read.len() as u64);
            lists.read.append(&mut read);
        }
        raw.insert(queue.clone(), lists);
    }
    let in_flight_total: u64 = next(&mut answers)?;
    let (_cursor, fields): (u64, Vec<Vec<u8>>) = next(&mut answers)?;
    let unacked: Vec<Vec<u8>> = fields.into_iter().skip(1).step_by(2).collect();
    let in_flight_unread = in_flight_total.saturating_sub(unacked.len() as u64);
    Ok(Facts { at_ms, queues: count(&raw, &unacked, at_ms / 1000), in_flight_total, in_flight_unread })
}

fn next<T: FromRedisValue>(answers: &mut std::vec::IntoIter<redis::Value>) -> Result<T, redis::RedisError> {
    let value = answers.next().unwrap_or(redis::Value::Nil);
    Ok(T::from_redis_value(value)?)
}

/// Unix milliseconds.
pub(crate) fn unix_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
