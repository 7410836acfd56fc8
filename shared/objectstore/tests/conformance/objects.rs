//! Objects in memory: content, conditions, ranges, keys, listings.

use objectstore::{Condition, ETag, Error, Fetched, PutOutcome, Step, Store};

/// Writes whatever is there.
async fn put(store: &Store, key: &str, content: &str) -> ETag {
    match store.put(key, content.to_owned().into(), Condition::Always).await.unwrap() {
        PutOutcome::Written(etag) => etag,
        PutOutcome::Refused => panic!("an unconditional write of {key} was refused"),
    }
}

async fn text(store: &Store, key: &str) -> Option<String> {
    store.get(key).await.unwrap().map(|object| String::from_utf8(object.bytes.to_vec()).unwrap())
}

async fn keys(store: &Store, prefix: &str) -> Vec<String> {
    store.list(prefix).await.unwrap().into_iter().map(|listed| listed.key).collect()
}

pub(crate) async fn an_object_comes_back_until_it_is_deleted(store: &Store) {
    assert_eq!(store.get("a").await.unwrap(), None);
    assert_eq!(store.head("a").await.unwrap(), None);
    store.delete("a").await.unwrap();
    let etag = put(store, "a", "hello").await;
    let object = store.get("a").await.unwrap().unwrap();
    assert_eq!((&object.bytes[..], &object.etag), (&b"hello"[..], &etag));
    let meta = store.head("a").await.unwrap().unwrap();
    assert_eq!((meta.size_bytes, &meta.etag), (5, &etag));
    assert_ne!(put(store, "a", "other").await, etag);
    assert_eq!(put(store, "empty", "").await, store.head("empty").await.unwrap().unwrap().etag);
    assert_eq!(text(store, "empty").await.as_deref(), Some(""));
    store.delete("a").await.unwrap();
    assert_eq!(store.get("a").await.unwrap(), None);
}

pub(crate) async fn conditions_hold(store: &Store) {
    let write =
        async |content: &str, condition| store.put("k", content.to_owned().into(), condition).await.unwrap();
    let stale = put(store, "other", "x").await;
    assert_eq!(write("0", Condition::Matches(stale.clone())).await, PutOutcome::Refused, "nothing is there");
    let PutOutcome::Written(first) = write("1", Condition::Absent).await else { panic!("nothing was there") };
    assert_eq!(write("2", Condition::Absent).await, PutOutcome::Refused);
    assert_eq!(write("2", Condition::Matches(stale)).await, PutOutcome::Refused);
    assert_eq!(text(store, "k").await.as_deref(), Some("1"), "a refused write changes nothing");
    let PutOutcome::Written(second) = write("2", Condition::Matches(first.clone())).await else {
        panic!("the named version was there")
    };
    assert_eq!(write("3", Condition::Matches(first)).await, PutOutcome::Refused);
    assert_eq!(store.head("k").await.unwrap().unwrap().etag, second);
    store.delete("k").await.unwrap();
    assert!(matches!(write("4", Condition::Absent).await, PutOutcome::Written(_)), "free again");
}

pub(crate) async fn known_content_is_not_sent_again(store: &Store) {
    let known = put(store, "ref", "1").await;
    assert_eq!(store.get_unless("ref", &known).await.unwrap(), Fetched::Unchanged);
    let next = put(store, "ref", "2").await;
    let Fetched::Changed(object) = store.get_unless("ref", &known).await.unwrap() else {
        panic!("it changed")
    };
    assert_eq!((&object.bytes[..], object.etag), (&b"2"[..], next.clone()));
    store.delete("ref").await.unwrap();
    assert_eq!(store.get_unless("ref", &next).await.unwrap(), Fetched::Missing);
}

pub(crate) async fn ranges_end_where_the_object_ends(store: &Store) {
    put(store, "r", "0123456789").await;
    let range = async |range| String::from_utf8(store.get_range("r", range).await.unwrap().to_vec()).unwrap();
    assert_eq!(range(0..10).await, "0123456789");
    assert_eq!(range(3..5).await, "34");
    assert_eq!(range(8..100).await, "89");
    assert_eq!(range(5..5).await, "");
    assert_eq!(range(10..20).await, "");
    let error = store.get_range("none", 0..1).await.unwrap_err();
    assert!(matches!(error, Error::Missing { step: Step::Read, .. }), "{error:?}");
    assert!(!error.is_retryable());
}

pub(crate) async fn odd_keys_come_back(store: &Store) {
    let odd = [
        "dag_id=a/run_id=manual__2026-01-01T00:00:00.123+00:00/task_id=t/attempt=1.log.0001767225600.host.00000000",
        "p+q/r+s",
        "sp ace/x y",
        "ünï/日本/😀.txt",
        "pc%20t/%2B%",
        "am&p<l>\"q'",
        "tilde~(1)!*",
        "back\\slash",
        ".hidden/.dot",
        "?query#fragment",
    ];
    for key in odd {
        put(store, key, key).await;
    }
    for key in odd {
        assert_eq!(text(store, key).await.as_deref(), Some(key));
        assert_eq!(keys(store, key).await, [key]);
        let slash = key.find('/').map_or(key.len(), |at| at + 1);
        assert!(keys(store, &key[..slash]).await.contains(&key.to_owned()), "{key} below its folder");
    }
    let mut sorted = odd.to_vec();
    sorted.sort_unstable();
    assert_eq!(keys(store, "").await, sorted);
}

pub(crate) async fn listings_are_complete_and_sorted(store: &Store) {
    // More than one page of S3 (1,000).
    const COUNT: usize = 1_050;
    let writes = (0..COUNT).map(|number| async move { put(store, &format!("l/{number:04}"), ".").await });
    let written: Vec<ETag> = futures::stream::StreamExt::collect(
        futures::stream::StreamExt::buffer_unordered(futures::stream::iter(writes), 16),
    )
    .await;
    assert_eq!(written.len(), COUNT);
    let expected: Vec<String> = (0..COUNT).map(|number| format!("l/{number:04}")).collect();
    assert_eq!(keys(store, "l/").await, expected);
    assert_eq!(keys(store, "l/104").await, &expected[1040..1050]);
    assert_eq!(keys(store, "m").await, [""; 0]);
    assert!(store.list("l/").await.unwrap().iter().all(|listed| listed.size_bytes == 1));
}

pub(crate) async fn deep_keys_and_prefixes_of_names(store: &Store) {
    for key in ["x/y/z/1", "x/y/z2", "x/y.json", "x/yy/1", "w"] {
        put(store, key, key).await;
    }
    assert_eq!(keys(store, "x/y").await, ["x/y.json", "x/y/z/1", "x/y/z2", "x/yy/1"]);
    assert_eq!(keys(store, "x/y/").await, ["x/y/z/1", "x/y/z2"]);
    assert_eq!(keys(store, "x/y/z").await, ["x/y/z/1", "x/y/z2"]);
    assert_eq!(text(store, "x/y").await, None, "a folder is no object");
    assert_eq!(store.head("x").await.unwrap(), None);
    assert_eq!(text(store, "w/below").await, None, "nothing is below an object");
    for key in ["", "/a", "a//b", "a/", "../a", "a\nb"] {
        assert!(matches!(store.get(key).await, Err(Error::Key { .. })), "{key:?}");
    }
}
