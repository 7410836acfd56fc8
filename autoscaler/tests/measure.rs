//! How fast the autoscaler is. Not run by default: `cargo test -p autoscaler --test measure -- --ignored --nocapture`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::{Site, fake_agent};

/// Not a test: what the autoscaler under test starts as a worker agent.
#[tokio::test]
async fn the_fake_agent() {
    if let Ok(socket) = std::env::var(fake_agent::SOCKET) {
        fake_agent::run(Path::new(&socket)).await;
    }
}

#[test]
#[ignore = "a measurement"]
fn from_a_message_to_a_started_agent_and_to_a_taken_task() {
    let mut site =
        Site::new("slots_per_worker = 2\nmax = 3\nidle_s = 0\nstep_pause_s = 0\nmax_step_down_percent = 100");
    site.set_tick(250);
    site.run(&[]);
    site.until("the first look", |site| site.snapshot()["at_ms"].as_u64() > Some(0));
    site.release("a");
    let (mut agents, mut tasks) = (Vec::new(), Vec::new());
    for round in 0..20 {
        site.until("no worker", |site| site.agents() == 0);
        // Not in step with the ticks.
        std::thread::sleep(Duration::from_millis(37 * (round % 7)));
        let begun = Instant::now();
        site.send("default", &format!("a-{round}"));
        while site.agents() == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        agents.push(begun.elapsed());
        while site.lines("started").len() <= usize::try_from(round).unwrap() {
            std::thread::sleep(Duration::from_millis(1));
        }
        tasks.push(begun.elapsed());
    }
    println!("message → agent process {}", percentiles(agents));
    println!("message → taken by a (fake) worker {}", percentiles(tasks));
}

#[tokio::test]
#[ignore = "a measurement"]
async fn facts_of_deep_queues() {
    let redis = testkit::redis::Redis::start();
    let broker = broker::Broker::connect(&redis.url.clone().into()).await.unwrap();
    let mut plain = redis::Client::open(redis.url.clone()).unwrap().get_connection().unwrap();
    let mut sent = 0;
    for depth in [0, 40, 500, 10_000] {
        while sent < depth {
            // As large as Airflow 3's.
            let message = support::message(&format!("id-{sent}"), "default", &"x".repeat(2_000));
            let _: u64 = redis::Commands::lpush(&mut plain, "default", message).unwrap();
            sent += 1;
        }
        let mut times = Vec::new();
        for _ in 0..50 {
            let begun = Instant::now();
            broker.facts(&["default".to_owned(), "heavy".to_owned()]).await.unwrap();
            times.push(begun.elapsed());
        }
        println!("facts with {depth} messages {}", percentiles(times));
    }
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    format!("p50 {:?} p95 {:?} max {:?} of {}", at(50), at(95), at(100), times.len())
}
