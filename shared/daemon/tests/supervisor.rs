//! The supervisor's promises: order of stages, one deadline, restarts, second signal.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use daemon::{Backoff, Cause, OnFailure, Outcome, Policy, SecondSignal, Signal, Signals, Stage, Supervisor};
use tokio::sync::mpsc;

const GRACE: Duration = Duration::from_secs(5);

fn backoff() -> Backoff {
    Backoff::new(Duration::from_millis(5), Duration::from_millis(20))
}

#[tokio::test]
async fn stages_stop_in_order_each_after_the_one_before() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut supervisor = Supervisor::new();
    // Spawned in the wrong order; the earlier the stage, the longer it takes.
    for (name, stage, takes_ms) in
        [("flush", Stage::Flush, 0), ("work", Stage::Work, 30), ("intake", Stage::Intake, 60)]
    {
        let order = order.clone();
        supervisor.spawn(name, stage, OnFailure::ShutDown, move |stop| {
            let order = order.clone();
            async move {
                stop.cancelled().await;
                tokio::time::sleep(Duration::from_millis(takes_ms)).await;
                order.lock().unwrap().push(name);
                Ok(())
            }
        });
    }
    supervisor.handle().shut_down("test");
    supervisor.handle().shut_down("later reason");
    let outcome = supervisor.run(Signals::none(), Policy::new(GRACE)).await;
    assert_eq!(*order.lock().unwrap(), ["intake", "work", "flush"]);
    assert_eq!(outcome.cause, Cause::Requested { reason: "test".into() });
    assert!(outcome.is_clean());
}

#[tokio::test]
async fn stragglers_are_named_at_the_deadline() {
    let mut supervisor = Supervisor::new();
    supervisor.spawn("deaf", Stage::Intake, OnFailure::ShutDown, |_| std::future::pending());
    supervisor.spawn("polite", Stage::Flush, OnFailure::ShutDown, |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    supervisor.handle().shut_down("test");
    let started = Instant::now();
    let outcome = supervisor.run(Signals::none(), Policy::new(Duration::from_millis(100))).await;
    assert!(started.elapsed() < Duration::from_secs(3));
    assert_eq!(outcome.stragglers, ["deaf", "polite"]);
    assert!(!outcome.forced);
}

async fn two_signals(second_signal: SecondSignal) -> Outcome {
    let (sender, receiver) = mpsc::channel(2);
    let mut supervisor = Supervisor::new();
    supervisor.spawn("slow", Stage::Work, OnFailure::ShutDown, |stop| async move {
        stop.cancelled().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(())
    });
    sender.send(Signal::Terminate).await.unwrap();
    sender.send(Signal::Interrupt).await.unwrap();
    supervisor.run(Signals::from_channel(receiver), Policy { grace: GRACE, second_signal }).await
}

#[tokio::test]
async fn a_second_signal_exits_at_once_or_is_ignored() {
    let exits = two_signals(SecondSignal::Exit).await;
    assert_eq!(exits.cause, Cause::Signal(Signal::Terminate));
    assert_eq!((exits.forced, exits.stragglers), (true, vec!["slow".to_owned()]));
    assert!(two_signals(SecondSignal::Ignore).await.is_clean());
}

#[tokio::test]
async fn a_failed_task_ends_the_program_and_is_named_with_its_sources() {
    let mut supervisor = Supervisor::new();
    supervisor.spawn("breaks", Stage::Work, OnFailure::ShutDown, |_| async {
        let cause = std::io::Error::other("disk on fire");
        Err(std::io::Error::new(std::io::ErrorKind::InvalidData, cause).into())
    });
    supervisor.spawn("other", Stage::Intake, OnFailure::ShutDown, |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    let outcome = supervisor.run(Signals::none(), Policy::new(GRACE)).await;
    assert_eq!(outcome.cause, Cause::TaskFailed { task: "breaks".into() });
    assert_eq!(outcome.failures.len(), 1);
    assert!(outcome.failures[0].message.contains("disk on fire"));
}

#[tokio::test]
async fn a_task_is_restarted_after_errors_and_panics() {
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    let mut supervisor = Supervisor::new();
    let handle = supervisor.handle();
    supervisor.spawn("flaky", Stage::Work, OnFailure::Restart(backoff()), move |_| {
        let (run, handle) = (counted.fetch_add(1, Ordering::SeqCst), handle.clone());
        async move {
            match run {
                0 => Err("first run".into()),
                1 => panic!("second run"),
                _ => {
                    handle.shut_down("third run is fine");
                    Ok(())
                }
            }
        }
    });
    supervisor.spawn("keeps the program up", Stage::Work, OnFailure::ShutDown, |stop| async move {
        stop.cancelled().await;
        Ok(())
    });
    let outcome = supervisor.run(Signals::none(), Policy::new(GRACE)).await;
    assert_eq!(runs.load(Ordering::SeqCst), 3);
    assert!(outcome.is_clean(), "{outcome:?}");
}

#[tokio::test]
async fn a_program_whose_tasks_all_ended_ends() {
    let mut supervisor = Supervisor::new();
    supervisor.spawn("short", Stage::Work, OnFailure::ShutDown, |_| async { Ok(()) });
    let outcome = supervisor.run(Signals::none(), Policy::new(GRACE)).await;
    assert_eq!((outcome.is_clean(), outcome.cause), (true, Cause::AllEnded));
}
