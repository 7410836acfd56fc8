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
    "#), @"
    100 s: -
        0 tasks wait, 0 run on workers that stay
    101 s: start 2
        6 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 6 waiting tasks: how long tasks take is not known yet
        6 slots needed: 2 workers of 4
        2 to start
    102 s: -
        6 tasks wait, 0 run on workers that stay; the next one has waited 1.0 s
        a slot for each of 6 waiting tasks: how long tasks take is not known yet
        6 slots needed: 2 workers of 4
    108 s: -
        0 tasks wait, 6 run on workers that stay
        6 slots needed: 2 workers of 4
    120 s: -
        0 tasks wait, 1 run on workers that stay
        1 slot needed: 1 worker of 4
        1 of 2 would do; none is drained for another 48.0 s
    181 s: drain w2
        0 tasks wait, 1 run on workers that stay
        1 slot needed: 1 worker of 4
        w2 is drained: idle for 61.0 s
    182 s: stop w2
        0 tasks wait, 0 run on workers that stay
        0 of 1 would do; none is drained for another 59.0 s
        w2 is stopped: drained, no task left
    243 s: drain w1
        0 tasks wait, 0 run on workers that stay
        w1 is drained: idle for 61.0 s
    246 s: stop w1
        0 tasks wait, 0 run on workers that stay
        w1 is stopped: drained, no task left
    ");
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
    "#), @"
    100 s: undrain w2, undrain w1
        7 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 7 waiting tasks: how long tasks take is not known yet
        7 slots needed: 2 workers of 4
        w2 is taken back from its drain
        w1 is taken back from its drain
    101 s: start 3
        20 tasks wait, 3 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 20 waiting tasks: how long tasks take is not known yet
        23 slots needed: 6 workers of 4
        capped at the maximum of 5 (6 would be needed)
        3 to start
    ");
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
    "#), @"
    100 s: -
        0 tasks wait, 0 run on workers that stay
        0 of 2 would do; none is drained for another 60.0 s
    200 s: -
        the broker does not answer: 2 workers held as they are
    300 s: stop w2
        0 tasks wait, 0 run on workers that stay
        0 of 1 would do; none is drained for another 60.0 s
        w2 is stopped: drained, no task left
    360 s: drain w1
        0 tasks wait, 0 run on workers that stay
        w1 is drained: idle for 260.0 s
    ");
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
    "#), @"
    100 s: start 1
        2 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        not counted: 4 messages for work already counted (sent again by the scheduler)
        not counted: 3 messages with an expired token, which no worker could run
        5 messages in flight are on no worker of this pool (left behind or elsewhere): not counted
        a slot for each of 2 waiting tasks: how long tasks take is not known yet
        2 slots needed: 1 worker of 4
        1 to start
    101 s: -
        0 tasks wait, 5 run on workers that stay
        w2 does not answer: taken as full, never a victim
        5 slots needed: 2 workers of 4
    102 s: -
        0 tasks wait, 1 run on workers that stay
        counted as running: 2 tasks just taken
        3 slots needed: 1 worker of 4
    113 s: -
        0 tasks wait, 1 run on workers that stay
        2 messages in flight are on no worker of this pool (left behind or elsewhere): not counted
        1 slot needed: 1 worker of 4
    ");
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
    "#), @"
    100 s: start 2
        40 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        40 waiting tasks of 5.3 s each: all start within 30 s on 8 slots
        8 slots needed: 2 workers of 4
        2 to start
    110 s: start 2
        40 tasks wait, 0 run on workers that stay; the next one has waited 10.0 s
        40 waiting tasks of 5.3 s each: all start within 30 s on 14 slots
        14 slots needed: 4 workers of 4
        2 to start
    125 s: start 2
        40 tasks wait, 0 run on workers that stay; the next one has waited 25.0 s
        a slot for each of 40 waiting tasks: after 25.0 s of 30 s nothing can queue behind another
        40 slots needed: 10 workers of 4
        capped at the maximum of 5 (10 would be needed)
        2 to start
        no more are started now: 4 of at most 4 are starting
    ");
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
    "#), @"
    100 s: -
        1 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 1.0 s: 1 failed start in a row
    101 s: start 1
        1 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        1 to start
    103 s: -
        1 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 4.0 s: 3 failed starts in a row
    106 s: -
        1 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 1.0 s: 3 failed starts in a row
    107 s: start 1
        1 tasks wait, 0 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        1 to start
    125 s: -
        1 tasks wait, 1 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        2 slots needed: 1 worker of 4
    126 s: -
        9 tasks wait, 1 run on workers that stay; the next one has waited 0.0 s
        a slot for each of 9 waiting tasks: how long tasks take is not known yet
        10 slots needed: 3 workers of 4
        no start for 7.0 s: 4 failed starts in a row
    ");
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
    "#), @"
    200 s: stop w3
        0 tasks wait, 0 run on workers that stay
        raised to the minimum of 1
        w3 is stopped: it cannot go on
    250 s: stop w1 (lossy)
        0 tasks wait, 0 run on workers that stay
        raised to the minimum of 1
        w1 is stopped: draining for 100 s is over the limit, 2 tasks lost
    ");
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
    "#), @"
    100 s: -
        0 tasks wait, 4 run on workers that stay
        4 slots needed: 1 worker of 4
        1 of 5 would do; none is drained for another 10.0 s
    110 s: drain c, drain b
        0 tasks wait, 4 run on workers that stay
        4 slots needed: 1 worker of 4
        4 are too many; 2 in this step
        c is drained: idle for 10.0 s
        b is drained: idle for 10.0 s
    111 s: stop b
        0 tasks wait, 4 run on workers that stay
        4 slots needed: 1 worker of 4
        the next step down is in 4.0 s
        b is stopped: drained, no task left
    116 s: drain e
        0 tasks wait, 4 run on workers that stay
        4 slots needed: 1 worker of 4
        2 are too many; 1 in this step
        e is drained: the least busy one, 1 task to finish there
    ");
}
