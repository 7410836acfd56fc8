//! Many writers at once.

use std::fs;

use objectstore::{Condition, MULTIPART_THRESHOLD_BYTES, PutOutcome, Store};
use tokio::task::JoinSet;

const WRITERS: usize = 32;

pub(crate) async fn one_creator_wins(store: &Store) {
    for round in 0..5 {
        let mut writers = JoinSet::new();
        for writer in 0..WRITERS {
            let (store, key) = (store.clone(), format!("race/{round}"));
            writers.spawn(async move {
                let content = writer.to_string().repeat(2_000);
                let outcome = store.put(&key, content.into(), Condition::Absent).await.unwrap();
                (writer, matches!(outcome, PutOutcome::Written(_)))
            });
        }
        let winners: Vec<usize> =
            writers.join_all().await.into_iter().filter_map(|(writer, won)| won.then_some(writer)).collect();
        let [winner] = winners[..] else { panic!("winners: {winners:?}") };
        let object = store.get(&format!("race/{round}")).await.unwrap().unwrap();
        assert_eq!(object.bytes, winner.to_string().repeat(2_000));
    }
}

pub(crate) async fn no_increment_is_lost(store: &Store) {
    store.put("counter", "0".into(), Condition::Absent).await.unwrap();
    let mut writers = JoinSet::new();
    for _ in 0..WRITERS {
        let store = store.clone();
        writers.spawn(async move {
            loop {
                let object = store.get("counter").await.unwrap().unwrap();
                let count: u64 = std::str::from_utf8(&object.bytes).unwrap().parse().unwrap();
                // The 409s of a server under fire are told as retryable errors.
                match store
                    .put("counter", (count + 1).to_string().into(), Condition::Matches(object.etag))
                    .await
                {
                    Ok(PutOutcome::Written(_)) => return,
                    Ok(PutOutcome::Refused) => {}
                    Err(error) => assert!(error.is_retryable(), "{error:?}"),
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(store.get("counter").await.unwrap().unwrap().bytes, WRITERS.to_string());
}

pub(crate) async fn one_large_creator_wins(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut writers = JoinSet::new();
    for writer in 0..4u8 {
        let (store, path) = (store.clone(), folder.path().join(writer.to_string()));
        fs::write(&path, vec![writer; usize::try_from(MULTIPART_THRESHOLD_BYTES).unwrap() + 1]).unwrap();
        writers.spawn(async move {
            let outcome = store.put_file("large", &path, Condition::Absent).await.unwrap();
            (writer, matches!(outcome, PutOutcome::Written(_)))
        });
    }
    let winners: Vec<u8> =
        writers.join_all().await.into_iter().filter_map(|(writer, won)| won.then_some(writer)).collect();
    let [winner] = winners[..] else { panic!("winners: {winners:?}") };
    let object = store.get("large").await.unwrap().unwrap();
    assert!(object.bytes.iter().all(|byte| *byte == winner));
}

pub(crate) async fn readers_see_whole_objects(store: &Store) {
    let content = |round: usize| [b'a', b'b'][round % 2].to_string().repeat(100_000);
    store.put("whole", content(0).into(), Condition::Always).await.unwrap();
    let mut both = JoinSet::new();
    let writer = store.clone();
    both.spawn(async move {
        for round in 0..40 {
            writer.put("whole", content(round).into(), Condition::Always).await.unwrap();
        }
    });
    let reader = store.clone();
    both.spawn(async move {
        for _ in 0..40 {
            let bytes = reader.get("whole").await.unwrap().unwrap().bytes;
            assert!(bytes == content(0) || bytes == content(1), "a mixture of {} bytes", bytes.len());
        }
    });
    both.join_all().await;
}
