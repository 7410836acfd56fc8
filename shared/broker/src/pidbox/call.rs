//! The exchange on the wire: bind a reply list, publish the command, collect replies, unbind.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use redis::AsyncConnectionConfig;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::connection::CONNECT_TIMEOUT;
use crate::facts::unix_ms;
use crate::message::Envelope;
use crate::{Broker, Error, keys};

/// Longest single wait on the reply list; Redis counts it in seconds and needs a connection of its own.
const WAIT_SLICE: Duration = Duration::from_millis(250);
/// How long a reply list that nobody reads any more stays, should this process die before it is deleted.
const REPLY_LIST_TTL_S: i64 = 60;

pub(super) struct Request<'a> {
    pub(super) method: &'static str,
    pub(super) arguments: Value,
    /// `None`: everybody.
    pub(super) nodes: Option<&'a [String]>,
}

/// Sends the request; answers the number of receivers and each node's raw answer.
pub(super) async fn run(
    broker: &Broker,
    request: &Request<'_>,
    timeout: Duration,
) -> Result<(u64, BTreeMap<String, Value>), Error> {
    let failed = |source| broker.error("remote control", source);
    // Blocking reads would hold up everybody else on the shared connection.
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(timeout + CONNECT_TIMEOUT));
    let mut connection = broker
        .address()
        .client()
        .get_multiplexed_async_connection_with_config(&config)
        .await
        .map_err(failed)?;
    let reply_id = unique_id();
    let ticket = unique_id();
    let (list, binding) = (keys::reply_list(&reply_id), keys::reply_binding(&reply_id));
    let command = envelope(request, &reply_id, &ticket, timeout);
    let sent: redis::RedisResult<(u64, u64)> = redis::pipe()
        .sadd(keys::REPLY_BINDINGS, &binding)
        .publish(keys::pidbox_channel(broker.address().database()), command.to_string())
        .query_async(&mut connection)
        .await;
    let outcome = match sent {
        Ok((_, receivers)) => {
            let expected = request.nodes.map_or(receivers, |nodes| nodes.len() as u64);
            collect(&mut connection, &list, &ticket, expected, timeout)
                .await
                .map(|answers| (receivers, answers))
        }
        Err(source) => Err(source),
    };
    // Left-overs only cost a few bytes; the outcome counts more than a failed clean-up.
    let cleaned: redis::RedisResult<()> = redis::pipe()
        .srem(keys::REPLY_BINDINGS, &binding)
        .ignore()
        .del(&list)
        .ignore()
        .query_async(&mut connection)
        .await;
    if let Err(error) = cleaned {
        tracing::debug!(%error, "the reply list stays behind");
    }
    outcome.map_err(failed)
}

async fn collect(
    connection: &mut redis::aio::MultiplexedConnection,
    list: &str,
    ticket: &str,
    expected: u64,
    timeout: Duration,
) -> redis::RedisResult<BTreeMap<String, Value>> {
    let deadline = Instant::now() + timeout;
    let mut answers = BTreeMap::new();
    let mut replies = 0;
    while replies < expected {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        let wait_s = left.min(WAIT_SLICE).as_secs_f64();
        let popped: Option<(String, Vec<u8>)> =
            redis::cmd("BRPOP").arg(list).arg(wait_s).query_async(connection).await?;
        let Some((_, raw)) = popped else { continue };
        if replies == 0 {
            redis::cmd("EXPIRE").arg(list).arg(REPLY_LIST_TTL_S).query_async::<()>(connection).await?;
        }
        if let Some(answer) = decode(&raw, ticket) {
            replies += 1;
            answers.extend(answer);
        }
    }
    Ok(answers)
}

/// Reads one reply: `{node: answer}`. `None` when it belongs to another call or is not understood.
fn decode(raw: &[u8], ticket: &str) -> Option<BTreeMap<String, Value>> {
    #[derive(Deserialize)]
    struct Ticketed {
        headers: Ticket,
    }
    #[derive(Deserialize)]
    struct Ticket {
        ticket: String,
    }
    let ticketed: Ticketed = serde_json::from_slice(raw).ok()?;
    if ticketed.headers.ticket != ticket {
        return None;
    }
    let envelope: Envelope = serde_json::from_slice(raw).ok()?;
    serde_json::from_slice(&envelope.body_bytes()?).ok()
}

fn envelope(request: &Request<'_>, reply_id: &str, ticket: &str, timeout: Duration) -> Value {
    let body = json!({
        "method": request.method,
        "arguments": request.arguments,
        "destination": request.nodes,
        "pattern": null,
        "matcher": null,
        "ticket": ticket,
        "reply_to": {"exchange": keys::REPLY_EXCHANGE, "routing_key": reply_id},
    });
    // A worker that was stopped meanwhile must not execute an old command when it continues.
    let expires_s = (unix_ms() + u64::try_from(timeout.as_millis()).unwrap_or(0)) / 1000 + 1;
    json!({
        "body": STANDARD.encode(body.to_string()),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {"clock": 1, "expires": expires_s},
        "properties": {
            "delivery_mode": 2,
            "delivery_info": {"exchange": keys::PIDBOX_EXCHANGE, "routing_key": ""},
            "priority": 0,
            "body_encoding": "base64",
            "delivery_tag": unique_id(),
        },
    })
}

/// Unique enough to name a reply list: the standard library seeds its hashers from the system's randomness.
fn unique_id() -> String {
    let random = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random() ^ unix_ms(), random())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ() {
        let ids: std::collections::HashSet<String> = (0..1000).map(|_| unique_id()).collect();
        assert_eq!(ids.len(), 1000);
    }

    #[test]
    fn replies_to_other_tickets_are_skipped() {
        let raw = json!({
            "body": STANDARD.encode(r#"{"w1@vm":{"ok":"pong"}}"#),
            "headers": {"ticket": "t", "clock": 7},
            "properties": {"body_encoding": "base64"},
        })
        .to_string();
        assert_eq!(decode(raw.as_bytes(), "t").unwrap()["w1@vm"], json!({"ok": "pong"}));
        assert_eq!(decode(raw.as_bytes(), "u"), None);
        assert_eq!(decode(b"nonsense", "t"), None);
    }
}
