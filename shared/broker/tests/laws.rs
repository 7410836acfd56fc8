//! What holds for every content of a broker.

#![allow(clippy::unwrap_used)] // a test may panic

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use broker::WorkerEvent;
use broker::demand::{RawQueue, count};
use broker::message::Message;
use proptest::prelude::*;
use serde_json::json;

/// A message for one of a few task instances, an unknown task, or nothing that can be read.
fn element() -> impl Strategy<Value = Vec<u8>> {
    let known = (0..6u32, 0..100u32).prop_map(|(ti, id)| {
        let workload = json!({"type": "ExecuteTask", "ti": {
            "id": format!("ti{ti}"), "dag_id": "d", "task_id": "t", "run_id": "r", "try_number": 1}});
        let body = STANDARD.encode(json!([[workload.to_string()], {}, {}]).to_string());
        json!({"body": body, "headers": {"task": "execute_workload", "id": format!("c{id}")},
            "properties": {"body_encoding": "base64"}})
        .to_string()
        .into_bytes()
    });
    prop_oneof![4 => known, 1 => proptest::collection::vec(any::<u8>(), 0..40)]
}

proptest! {
    #[test]
    fn every_message_is_counted_exactly_once(
        read in proptest::collection::vec(element(), 0..30), more in 0..50u64, running in proptest::collection::vec(element(), 0..10),
    ) {
        let messages = read.len() as u64 + more;
        let queues = BTreeMap::from([("q".to_owned(), RawQueue { messages, read })]);
        let unacked: Vec<Vec<u8>> = running
            .iter()
            .map(|raw| [b"[".as_slice(), raw, b",\"\",\"q\"]"].concat())
            .collect();
        let facts = count(&queues, &unacked, 0).remove("q").unwrap();
        prop_assert_eq!(facts.messages, messages);
        prop_assert_eq!(facts.ready + facts.duplicates + facts.expired, messages);
        prop_assert!(facts.covered <= facts.duplicates.min(facts.in_flight));
        prop_assert_eq!(facts.unread, more);
        prop_assert!(facts.in_flight <= running.len() as u64);
    }

    #[test]
    fn nothing_that_is_read_makes_it_panic(raw in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC*") {
        for bytes in [raw.as_slice(), text.as_bytes()] {
            prop_assert!(Message::decode(bytes).is_none_or(|message| !message.is_expired(0)));
            prop_assert!(Message::decode_unacked(bytes).is_none());
            prop_assert!(WorkerEvent::decode(bytes).is_none());
        }
    }
}
