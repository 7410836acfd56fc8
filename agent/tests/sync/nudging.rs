use std::time::Duration;

use broker::{Broker, NudgeEvent};
use domain::{Nudge, NudgeKind};
use secrecy::SecretString;

use crate::world::{World, is_published};

#[tokio::test(flavor = "multi_thread")]
async fn a_flip_waits_for_readers_to_be_ready() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let Some(mut world) = World::new() else { return };
    let redis = testkit::redis::Redis::start();
    world.extra = vec!["--broker-url".into(), redis.url.clone(), "--flip-wait-s".into(), "60".into()];
    world.extra.extend(["--release".into(), "test".into()]);
    let broker = Broker::connect(&SecretString::from(redis.url.clone())).await.unwrap();
    let mut nudges = broker.nudges("test");
    while nudges.next().await != NudgeEvent::Connected {}
    let commit = world.push(&[("dags/a.py", "1\n")]);
    let reader = async {
        let mut seen = Vec::new();
        while seen.last() != Some(&NudgeKind::Current) {
            let NudgeEvent::Nudge(nudge) = nudges.next().await else { continue };
            if nudge.kind == NudgeKind::Candidate {
                // Not flipped while this reader is not ready.
                assert!(world.current().await.is_none());
                let ready = Nudge { kind: NudgeKind::Ready, holder: Some("reader".into()), ..nudge.clone() };
                broker.publish_nudge("test", &ready).await.unwrap();
            }
            seen.push(nudge.kind);
        }
        seen
    };
    let seen =
        world.following(async { tokio::time::timeout(Duration::from_secs(50), reader).await }).await.unwrap();
    assert_eq!(seen, [NudgeKind::Candidate, NudgeKind::Ready, NudgeKind::Current]);
    assert!(is_published(&world.outcome(&commit).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_everything_is_published_all_the_same() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let Some(mut world) = World::new() else { return };
    let url = format!("redis://127.0.0.1:{}/0", testkit::free_port());
    world.extra = vec!["--broker-url".into(), url];
    let commit = world.push(&[("dags/a.py", "1\n")]);
    world.following(async { assert!(is_published(&world.outcome(&commit).await)) }).await;
}
