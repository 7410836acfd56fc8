//! Against a real Redis.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use broker::{Broker, Error, NudgeEvent, Pidbox};
use domain::{Nudge, NudgeKind};
use redis::Commands;
use secrecy::SecretString;
use serde_json::json;
use testkit::redis::Redis;
use tokio::time::timeout;

fn message(celery_id: &str, ti: &str, queue: &str) -> String {
    let workload = json!({"type": "ExecuteTask", "token": "", "ti": {
        "id": ti, "dag_id": "d", "task_id": "t", "run_id": "r", "try_number": 1, "map_index": -1, "queue": queue}});
    json!({
        "body": STANDARD.encode(json!([[workload.to_string()], {}, {}]).to_string()),
        "headers": {"task": "execute_workload", "id": celery_id},
        "properties": {"body_encoding": "base64", "priority": 0},
    })
    .to_string()
}

fn nudge(sequence: u64) -> Nudge {
    Nudge { kind: NudgeKind::Current, repository: "analytics".into(), sequence, holder: None }
}

async fn broker(redis: &Redis) -> Broker {
    Broker::connect(&SecretString::from(redis.url.clone())).await.unwrap()
}

/// Plain commands, as a producer or worker would send them.
fn plain(redis: &Redis) -> redis::Connection {
    redis::Client::open(redis.url.clone()).unwrap().get_connection().unwrap()
}

async fn soon<T>(what: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), what).await.expect("in time")
}

#[tokio::test]
async fn facts_cover_priorities_in_flight_and_duplicates() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    let queues = ["default".to_owned(), "heavy".to_owned()];
    let empty = broker.facts(&queues).await.unwrap();
    assert_eq!(empty.queues["default"], broker::QueueFacts::default());

    let mut plain = plain(&redis);
    let _: u64 = plain.lpush("default", message("c1", "a", "default")).unwrap();
    let _: u64 = plain.lpush("default", message("c2", "b", "default")).unwrap();
    let _: u64 = plain.lpush("default", message("c3", "a", "default")).unwrap();
    let _: u64 = plain.lpush("default\u{6}\u{16}9", message("c4", "c", "default")).unwrap();
    let running = format!("[{},\"\",\"heavy\"]", message("c5", "d", "heavy"));
    let _: u64 = plain.hset("unacked", "tag", running).unwrap();
    let _: u64 = plain.lpush("heavy", message("c6", "d", "heavy")).unwrap();
    let facts = broker.facts(&queues).await.unwrap();
    let default = &facts.queues["default"];
    assert_eq!((default.messages, default.ready, default.duplicates, default.in_flight), (4, 3, 1, 0));
    assert_eq!(default.head.as_deref(), Some("c1"));
    let heavy = &facts.queues["heavy"];
    assert_eq!((heavy.messages, heavy.ready, heavy.duplicates, heavy.in_flight), (1, 0, 1, 1));
    assert_eq!(
        (default.covered, heavy.covered),
        (0, 1),
        "the running task may be lost, `c3` repeats a waiting one"
    );
    assert_eq!((facts.in_flight_total, facts.in_flight_unread), (1, 0));
}

#[tokio::test]
async fn a_long_queue_is_read_in_part_and_counted_in_full() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    let mut plain = plain(&redis);
    let many: Vec<String> = (0..1200).map(|n| message(&format!("c{n}"), &format!("t{n}"), "q")).collect();
    let _: u64 = plain.lpush("q", many).unwrap();
    let started = std::time::Instant::now();
    let facts = broker.facts(&["q".to_owned()]).await.unwrap();
    println!("facts of 1200 messages: {:?}", started.elapsed());
    let q = &facts.queues["q"];
    assert_eq!((q.messages, q.ready, q.unread, q.head.as_deref()), (1200, 1200, 700, Some("c0")));
}

#[tokio::test]
async fn a_key_of_another_type_is_an_error_and_not_zero() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    let _: () = plain(&redis).set("default", "text").unwrap();
    let error = broker.facts(&["default".to_owned()]).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }) && !error.is_retryable(), "{error:?}");
}

#[tokio::test]
async fn nobody_listens() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = SecretString::from(format!("redis://:geheim@127.0.0.1:{port}/2"));
    let error = Broker::connect(&url).await.unwrap_err();
    assert!(error.is_retryable());
    let text = format!("{error}\n{}", error.hint()).replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(text, @"
    connecting: the broker at 127.0.0.1:PORT/2 does not answer
    check that Redis runs and that host, port and network policy let this machine reach it
    ");
}

#[tokio::test]
async fn a_wrong_password_is_refused() {
    let redis = Redis::start();
    let _: () = redis::cmd("CONFIG").arg(&["SET", "requirepass", "right"]).query(&mut plain(&redis)).unwrap();
    for credentials in ["", ":wrong@"] {
        let url = SecretString::from(format!("redis://{credentials}127.0.0.1:{}/0", redis.port));
        let error = match Broker::connect(&url).await {
            Err(error) => error,
            Ok(broker) => broker.ping().await.unwrap_err(),
        };
        assert!(matches!(error, Error::Refused { .. }) && !error.is_retryable(), "{error:?}");
        assert!(!format!("{error:?} {error}").contains("wrong@"));
    }
}

#[tokio::test]
async fn calls_fail_while_redis_is_away_and_work_again_after() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    let port = redis.port;
    drop(redis);
    let error = soon(broker.facts(&["q".to_owned()])).await.unwrap_err();
    assert!(error.is_retryable(), "{error:?}");
    let _redis = Redis::start_at(port);
    soon(async { while broker.facts(&["q".to_owned()]).await.is_err() {} }).await;
}

#[tokio::test]
async fn nudges_reach_everybody_and_survive_a_restart() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    assert_eq!(broker.publish_nudge("prod", &nudge(1)).await.unwrap(), 0);
    let (mut first, mut second) = (broker.nudges("prod"), broker.nudges("prod"));
    let _other = broker.nudges("staging");
    for nudges in [&mut first, &mut second] {
        assert_eq!(soon(nudges.next()).await, NudgeEvent::Connected);
    }
    assert_eq!(broker.publish_nudge("prod", &nudge(2)).await.unwrap(), 2);
    let _: u64 = plain(&redis).publish("updraft:prod:nudge", "no JSON").unwrap();
    assert_eq!(broker.publish_nudge("prod", &nudge(3)).await.unwrap(), 2);
    for nudges in [&mut first, &mut second] {
        assert_eq!(soon(nudges.next()).await, NudgeEvent::Nudge(nudge(2)));
        assert_eq!(soon(nudges.next()).await, NudgeEvent::Nudge(nudge(3)));
    }
    let port = redis.port;
    drop(redis);
    let _redis = Redis::start_at(port);
    assert_eq!(soon(first.next()).await, NudgeEvent::Connected);
    soon(async { while broker.publish_nudge("prod", &nudge(4)).await.is_err() {} }).await;
    assert_eq!(soon(first.next()).await, NudgeEvent::Nudge(nudge(4)));
}

#[tokio::test]
async fn a_silent_worker_is_named_and_nothing_stays_behind() {
    let redis = Redis::start();
    let broker = broker(&redis).await;
    let worker = Pidbox::node(&broker, "celery@gone").with_timeout(Duration::from_millis(300));
    let replies = worker.ping().await.unwrap();
    assert_eq!(replies.receivers, 0);
    let error = replies.only().unwrap_err();
    insta::assert_snapshot!(format!("{error}\n{}", error.hint()), @"
    worker celery@gone did not answer ping within 300 ms
    the worker is starting, shutting down or stuck; Celery stops answering as soon as it got SIGTERM
    ");
    let keys: Vec<String> = plain(&redis).keys("*").unwrap();
    assert!(keys.is_empty(), "{keys:?}");
}
