//! What real brokers held (`captures/`), read and counted.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

use std::collections::BTreeMap;
use std::path::PathBuf;

use broker::demand::{RawQueue, count};
use broker::message::{Job, Message};
use serde_json::Value;

fn capture(name: &str) -> Value {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// A list of the capture as the broker reads it: the message that is taken next stands first.
fn list(capture: &Value) -> RawQueue {
    let items = capture["items"].as_array().unwrap();
    let read: Vec<Vec<u8>> = items.iter().rev().map(|item| item.to_string().into_bytes()).collect();
    RawQueue { messages: capture["llen"].as_u64().unwrap(), read }
}

fn queues(capture: &Value) -> BTreeMap<String, RawQueue> {
    ["default", "heavy"]
        .into_iter()
        .map(|queue| (queue.to_owned(), capture.get(queue).map(list).unwrap_or_default()))
        .collect()
}

fn unacked(capture: &Value) -> Vec<Vec<u8>> {
    let fields = capture["unacked"].as_object().unwrap();
    fields.values().map(|value| value.to_string().into_bytes()).collect()
}

fn summary(facts: &BTreeMap<String, broker::QueueFacts>) -> String {
    let line = |(queue, f): (&String, &broker::QueueFacts)| {
        format!(
            "{queue}: messages {} ready {} duplicates {} expired {} unread {} in flight {}",
            f.messages, f.ready, f.duplicates, f.expired, f.unread, f.in_flight
        )
    };
    facts.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// A moment at which the tokens of the captures are valid, and one at which they have ended.
const FRESH_S: u64 = 1_795_326_400;
const LATE_S: u64 = 1_795_400_000;

#[test]
fn airflow_3_without_workers() {
    let capture = capture("af3_redis_noworker.json");
    let queues = queues(&capture);
    insta::assert_snapshot!(summary(&count(&queues, &[], FRESH_S)), @"
    default: messages 8 ready 8 duplicates 0 expired 0 unread 0 in flight 0
    heavy: messages 2 ready 2 duplicates 0 expired 0 unread 0 in flight 0
    ");
    insta::assert_snapshot!(summary(&count(&queues, &[], LATE_S)), @"
    default: messages 8 ready 0 duplicates 0 expired 8 unread 0 in flight 0
    heavy: messages 2 ready 0 duplicates 0 expired 2 unread 0 in flight 0
    ");
    let first = Message::decode(&queues["default"].read[0]).unwrap();
    let Job::Workload { workload, token_expires_s } = first.job else { panic!("{first:?}") };
    let ti = workload.ti.unwrap();
    assert_eq!(token_expires_s, Some(1_795_326_961));
    assert_eq!((ti.dag_id.as_str(), ti.run_id.as_str(), ti.try_number), ("lab_mix", "m1", 1));
    assert_eq!(workload.bundle_info.unwrap().name, "dags-folder");
}

#[test]
fn airflow_3_with_running_tasks() {
    let capture = capture("af3_redis_running_prefetch.json");
    insta::assert_snapshot!(summary(&count(&queues(&capture), &unacked(&capture), FRESH_S)), @"
    default: messages 6 ready 6 duplicates 0 expired 0 unread 0 in flight 2
    heavy: messages 0 ready 0 duplicates 0 expired 0 unread 0 in flight 2
    ");
}

#[test]
fn airflow_2_with_and_without_workers() {
    let (idle, running) = (capture("af2_redis_noworker.json"), capture("af2_redis_running.json"));
    insta::assert_snapshot!(summary(&count(&queues(&idle), &[], LATE_S)), @"
    default: messages 8 ready 8 duplicates 0 expired 0 unread 0 in flight 0
    heavy: messages 2 ready 2 duplicates 0 expired 0 unread 0 in flight 0
    ");
    insta::assert_snapshot!(summary(&count(&queues(&running), &unacked(&running), LATE_S)), @"
    default: messages 5 ready 5 duplicates 0 expired 0 unread 0 in flight 2
    heavy: messages 0 ready 0 duplicates 0 expired 0 unread 0 in flight 2
    ");
    let first = Message::decode(&queues(&idle)["default"].read[0]).unwrap();
    assert!(
        matches!(&first.job, Job::Command(words) if words[..3] == ["airflow", "tasks", "run"]),
        "{first:?}"
    );
}

#[test]
fn what_the_scheduler_sent_again_counts_once() {
    let capture = capture("af3_stale_duplicate_messages.json");
    let queues = BTreeMap::from([("default".to_owned(), list(&capture))]);
    insta::assert_snapshot!(summary(&count(&queues, &[], FRESH_S)), @"default: messages 6 ready 2 duplicates 4 expired 0 unread 0 in flight 0");
    insta::assert_snapshot!(summary(&count(&queues, &[], LATE_S)), @"default: messages 6 ready 0 duplicates 0 expired 6 unread 0 in flight 0");
}

#[test]
fn a_restored_message_is_demand_again() {
    let capture = capture("af3_restored_message_s2.json");
    let queues = BTreeMap::from([("s2".to_owned(), list(&capture))]);
    insta::assert_snapshot!(summary(&count(&queues, &[], FRESH_S)), @"s2: messages 1 ready 1 duplicates 0 expired 0 unread 0 in flight 0");
}

#[test]
fn a_message_whose_task_runs_already_is_no_demand() {
    let capture = capture("af3_redis_noworker.json");
    let queues = queues(&capture);
    let running =
        format!("[{},\"\",\"default\"]", String::from_utf8(queues["default"].read[0].clone()).unwrap());
    insta::assert_snapshot!(summary(&count(&queues, &[running.into_bytes()], FRESH_S)), @"
    default: messages 8 ready 7 duplicates 1 expired 0 unread 0 in flight 1
    heavy: messages 2 ready 2 duplicates 0 expired 0 unread 0 in flight 0
    ");
}

#[test]
fn what_is_not_understood_is_demand_all_the_same() {
    let read = vec![b"garbage".to_vec(), br#"{"body":"e30=","headers":{"task":"other","id":"1"}}"#.to_vec()];
    let queues = BTreeMap::from([("default".to_owned(), RawQueue { messages: 7, read })]);
    insta::assert_snapshot!(summary(&count(&queues, &[b"garbage".to_vec()], LATE_S)), @"default: messages 7 ready 7 duplicates 0 expired 0 unread 5 in flight 0");
}
