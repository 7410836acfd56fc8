//! Situations as data: facts over time in, what is decided and said out.

#![allow(clippy::unwrap_used, clippy::expect_used)] // a test may panic

use autoscaler_plan::{Action, Demand, Facts, Phase, Policy, State, Worker, plan};
use serde::Deserialize;

#[derive(Deserialize)]
struct Scenario {
    #[serde(default)]
    policy: toml::Table,
    step: Vec<Step>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Step {
    at_s: u64,
    /// Absent: the broker is silent.
    ready: Option<u64>,
    #[serde(default)]
    duplicates: u64,
    #[serde(default)]
    expired: u64,
    #[serde(default)]
    in_flight: Option<u64>,
    head: Option<String>,
    #[serde(default)]
    crashed: u32,
    service_ms: Option<u64>,
    /// `name phase busy since_s`; `?` for busy that is not known.
    #[serde(default)]
    workers: Vec<String>,
}

fn worker(text: &str) -> Worker {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, phase, busy, since_s] = words[..] else { panic!("{text}") };
    let since_ms = since_s.parse::<u64>().unwrap() * 1000;
    let phase: Phase = serde::Deserialize::deserialize(toml::Value::String(phase.to_owned())).unwrap();
    Worker { name: name.to_owned(), phase, busy: busy.parse().ok(), started_ms: since_ms, since_ms }
}

fn tell(scenario: &str) -> String {
    let scenario: Scenario = toml::from_str(scenario).unwrap();
    let mut policy =
        toml::Table::try_from(Policy { slots_per_worker: 4, max: 5, idle_s: 60, ..Policy::default() })
            .unwrap();
    policy.extend(scenario.policy);
    let policy: Policy = policy.try_into().unwrap();
    let mut state = State::default();
    let mut told = String::new();
    for step in scenario.step {
        let workers: Vec<Worker> = step.workers.iter().map(|text| worker(text)).collect();
        let busy: u64 = workers.iter().filter_map(|worker| worker.busy).map(u64::from).sum();
        let demand = step.ready.map(|ready| Demand {
            ready,
            duplicates: step.duplicates,
            expired: step.expired,
            unread: 0,
            in_flight: step.in_flight.unwrap_or(busy),
            heads: step.head.into_iter().collect(),
        });
        let facts = Facts { demand, workers, crashed: step.crashed, service_ms: step.service_ms };
        let plan = plan(&facts, &policy, &mut state, step.at_s * 1000);
        told += &format!("{} s: {}\n", step.at_s, actions(&plan.actions));
        for reason in plan.reasons {
            told += &format!("    {reason}\n");
        }
    }
    told
}

fn actions(actions: &[Action]) -> String {
    let words = |action: &Action| match action {
        Action::Undrain { worker } => format!("undrain {worker}"),
        Action::Start { count } => format!("start {count}"),
        Action::Drain { worker } => format!("drain {worker}"),
        Action::Stop { worker, lossy } => format!("stop {worker}{}", if *lossy { " (lossy)" } else { "" }),
    };
    if actions.is_empty() { "-".to_owned() } else { actions.iter().map(words).collect::<Vec<_>>().join(", ") }
}

#[test]
fn from_zero_up_and_back_to_zero() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 0
        [[step]]
        at_s = 101
        ready = 6
        head = "a"
        [[step]]
        at_s = 102
        ready = 6
        head = "a"
        workers = ["w1 starting ? 101", "w2 starting ? 101"]
        [[step]]
        at_s = 108
        ready = 0
        workers = ["w1 ready 4 107", "w2 ready 2 107"]
        [[step]]
        at_s = 120
        ready = 0
        workers = ["w1 ready 1 107", "w2 ready 0 107"]
        [[step]]
        at_s = 181
        ready = 0
        workers = ["w1 ready 1 107", "w2 ready 0 107"]
        [[step]]
        at_s = 182
        ready = 0
        workers = ["w1 ready 0 107", "w2 drained 0 182"]
        [[step]]
        at_s = 243
        ready = 0
        workers = ["w1 ready 0 107"]
        [[step]]
        at_s = 246
        ready = 0
        workers = ["w1 drained 0 246"]
    "#), @"");
}

#[test]
fn a_draining_worker_is_taken_back_before_one_is_started() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 7
        workers = ["w1 draining 3 50", "w2 drained 0 60", "w3 stopping 0 70"]
        [[step]]
        at_s = 101
        ready = 20
        workers = ["w1 ready 3 101", "w2 ready 0 101"]
    "#), @"");
}

#[test]
fn a_silent_broker_holds_everything_and_its_return_starts_the_window_anew() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 0
        workers = ["w1 ready 0 10", "w2 ready 0 10"]
        [[step]]
        at_s = 200
        workers = ["w1 ready 0 10", "w2 drained 0 190"]
        [[step]]
        at_s = 300
        ready = 0
        workers = ["w1 ready 0 10", "w2 drained 0 190"]
        [[step]]
        at_s = 360
        ready = 0
        workers = ["w1 ready 0 10"]
    "#), @"");
}

#[test]
fn what_does_not_count_is_said() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 2
        duplicates = 4
        expired = 3
        in_flight = 5
        [[step]]
        at_s = 101
        ready = 0
        in_flight = 3
        workers = ["w1 ready 1 90", "w2 silent ? 95"]
        [[step]]
        at_s = 102
        ready = 0
        in_flight = 3
        workers = ["w1 ready 1 90"]
        [[step]]
        at_s = 113
        ready = 0
        in_flight = 3
        workers = ["w1 ready 1 90"]
    "#), @"");
}

#[test]
fn known_task_times_let_tasks_share_a_slot_until_it_is_late() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 40
        service_ms = 5300
        head = "a"
        [[step]]
        at_s = 110
        ready = 40
        service_ms = 5300
        head = "a"
        workers = ["w1 starting ? 100", "w2 starting ? 100"]
        [[step]]
        at_s = 125
        ready = 40
        service_ms = 5300
        head = "a"
        workers = ["w1 starting ? 100", "w2 starting ? 100"]
    "#), @"");
}

#[test]
fn crashes_are_answered_with_growing_pauses() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 1
        crashed = 1
        [[step]]
        at_s = 101
        ready = 1
        [[step]]
        at_s = 103
        ready = 1
        crashed = 2
        [[step]]
        at_s = 106
        ready = 1
        [[step]]
        at_s = 107
        ready = 1
        [[step]]
        at_s = 125
        ready = 1
        workers = ["w4 ready 1 110"]
        crashed = 1
        [[step]]
        at_s = 126
        ready = 9
        workers = ["w4 ready 1 110"]
    "#), @"");
}

#[test]
fn a_drain_over_its_limit_and_a_failed_worker_are_ended() {
    insta::assert_snapshot!(tell(r#"
        [policy]
        drain_timeout_s = 100
        min = 1
        [[step]]
        at_s = 200
        ready = 0
        workers = ["w1 draining 2 150", "w2 ready 0 100", "w3 failed ? 199"]
        [[step]]
        at_s = 250
        ready = 0
        workers = ["w1 draining 2 150", "w2 ready 0 100"]
    "#), @"");
}

#[test]
fn steps_down_are_bounded_and_busy_workers_go_last() {
    insta::assert_snapshot!(tell(r#"
        [policy]
        idle_s = 10
        [[step]]
        at_s = 100
        ready = 0
        workers = ["a ready 1 10", "b ready 0 20", "c ready 0 30", "d ready 2 40", "e ready 1 50"]
        [[step]]
        at_s = 110
        ready = 0
        workers = ["a ready 1 10", "b ready 0 20", "c ready 0 30", "d ready 2 40", "e ready 1 50"]
        [[step]]
        at_s = 111
        ready = 0
        workers = ["a ready 1 10", "b drained 0 111", "c draining 0 111", "d ready 2 40", "e ready 1 50"]
        [[step]]
        at_s = 116
        ready = 0
        workers = ["a ready 1 10", "d ready 2 40", "e ready 1 50"]
    "#), @"");
}
