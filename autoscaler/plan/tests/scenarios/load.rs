//! Demand comes, changes and goes.

use crate::transcript::tell;

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
        0 tasks waiting, 0 running on workers that stay
    101 s: start 2
        6 tasks waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 6 waiting tasks: how long tasks take is not known yet
        6 slots needed: 2 workers of 4
        2 to start
    102 s: -
        6 tasks waiting, 0 running on workers that stay; the next one has waited 1.0 s
        a slot for each of 6 waiting tasks: how long tasks take is not known yet
        6 slots needed: 2 workers of 4
    108 s: -
        0 tasks waiting, 6 running on workers that stay
        6 slots needed: 2 workers of 4
    120 s: -
        0 tasks waiting, 1 running on workers that stay
        1 slot needed: 1 worker of 4
        1 of 2 would do; none is drained for another 48.0 s
    181 s: drain w2
        0 tasks waiting, 1 running on workers that stay
        1 slot needed: 1 worker of 4
        w2 is drained: idle for 61.0 s
    182 s: stop w2
        0 tasks waiting, 0 running on workers that stay
        0 of 1 would do; none is drained for another 59.0 s
        w2 is stopped: drained, no task left
    243 s: drain w1
        0 tasks waiting, 0 running on workers that stay
        w1 is drained: idle for 61.0 s
    246 s: stop w1
        0 tasks waiting, 0 running on workers that stay
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
        7 tasks waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 7 waiting tasks: how long tasks take is not known yet
        7 slots needed: 2 workers of 4
        w2 is taken back from its drain
        w1 is taken back from its drain
    101 s: start 3
        20 tasks waiting, 3 running on workers that stay; the next one has waited 0.0 s
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
        0 tasks waiting, 0 running on workers that stay
        0 of 2 would do; none is drained for another 60.0 s
    200 s: -
        the broker does not answer: 2 workers held as they are
    300 s: stop w2
        0 tasks waiting, 0 running on workers that stay
        0 of 1 would do; none is drained for another 60.0 s
        w2 is stopped: drained, no task left
    360 s: drain w1
        0 tasks waiting, 0 running on workers that stay
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
        2 tasks waiting, 0 running on workers that stay; the next one has waited 0.0 s
        not counted: 4 messages for work already counted (sent again by the scheduler)
        not counted: 3 messages with an expired token, which no worker could run
        not counted: 5 messages in flight on no worker of this pool (left behind or elsewhere)
        a slot for each of 2 waiting tasks: how long tasks take is not known yet
        2 slots needed: 1 worker of 4
        1 to start
    101 s: -
        0 tasks waiting, 5 running on workers that stay
        w2 does not answer: taken as full, never a victim
        5 slots needed: 2 workers of 4
    102 s: -
        0 tasks waiting, 1 running on workers that stay
        counted as running: 2 tasks just taken
        3 slots needed: 1 worker of 4
    113 s: -
        0 tasks waiting, 1 running on workers that stay
        not counted: 2 messages in flight on no worker of this pool (left behind or elsewhere)
        1 slot needed: 1 worker of 4
    ");
}

#[test]
fn a_retry_is_not_hidden_by_the_lost_attempt() {
    insta::assert_snapshot!(tell(r#"
        [[step]]
        at_s = 100
        ready = 0
        in_flight = 1
        workers = ["w1 ready 1 90"]
        [[step]]
        at_s = 106
        ready = 0
        in_flight = 1
        workers = ["w1 ready 0 90"]
        [[step]]
        at_s = 141
        ready = 0
        in_flight = 1
        workers = ["w1 drained 0 140"]
        [[step]]
        at_s = 142
        ready = 0
        duplicates = 1
        covered = 1
        in_flight = 1
        workers = ["w1 stopping 0 142"]
        [[step]]
        at_s = 150
        ready = 0
        in_flight = 2
        workers = ["w2 ready 1 145"]
        [[step]]
        at_s = 151
        ready = 0
        duplicates = 1
        covered = 1
        in_flight = 1
        workers = ["w2 ready 1 145"]
    "#), @"
    100 s: -
        0 tasks waiting, 1 running on workers that stay
        1 slot needed: 1 worker of 4
    106 s: -
        0 tasks waiting, 0 running on workers that stay
        counted as running: 1 task just taken
        1 slot needed: 1 worker of 4
    141 s: stop w1
        0 tasks waiting, 0 running on workers that stay
        not counted: 1 message in flight on no worker of this pool (left behind or elsewhere)
        w1 is stopped: drained, no task left
    142 s: start 1
        0 tasks waiting, 0 running on workers that stay
        not counted: 1 message for work already counted (sent again by the scheduler)
        not counted: 1 message in flight on no worker of this pool (left behind or elsewhere)
        counted after all: 1 waiting task that the scheduler sent again, for the first message is among these
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        1 to start
    150 s: -
        0 tasks waiting, 1 running on workers that stay
        not counted: 1 message in flight on no worker of this pool (left behind or elsewhere)
        1 slot needed: 1 worker of 4
    151 s: -
        0 tasks waiting, 1 running on workers that stay
        not counted: 1 message for work already counted (sent again by the scheduler)
        1 slot needed: 1 worker of 4
    ");
}
