//! What bounds a plan: time, crashes, steps, drains.

use crate::transcript::tell;

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
        40 tasks waiting, 0 running on workers that stay; the next one has waited 0.0 s
        40 waiting tasks of 5.3 s each: all start within 30 s on 8 slots
        8 slots needed: 2 workers of 4
        2 to start
    110 s: start 2
        40 tasks waiting, 0 running on workers that stay; the next one has waited 10.0 s
        40 waiting tasks of 5.3 s each: all start within 30 s on 14 slots
        14 slots needed: 4 workers of 4
        2 to start
    125 s: start 2
        40 tasks waiting, 0 running on workers that stay; the next one has waited 25.0 s
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
        1 task waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 1.0 s: 1 failed start in a row
    101 s: start 1
        1 task waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        1 to start
    103 s: -
        1 task waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 4.0 s: 3 failed starts in a row
    106 s: -
        1 task waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        no start for 1.0 s: 3 failed starts in a row
    107 s: start 1
        1 task waiting, 0 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        1 slot needed: 1 worker of 4
        1 to start
    125 s: -
        1 task waiting, 1 running on workers that stay; the next one has waited 0.0 s
        a slot for each of 1 waiting task: how long tasks take is not known yet
        2 slots needed: 1 worker of 4
    126 s: -
        9 tasks waiting, 1 running on workers that stay; the next one has waited 0.0 s
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
        0 tasks waiting, 0 running on workers that stay
        raised to the minimum of 1
        w3 is stopped: it cannot go on
    250 s: stop w1 (lossy)
        0 tasks waiting, 0 running on workers that stay
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
        0 tasks waiting, 4 running on workers that stay
        4 slots needed: 1 worker of 4
        1 of 5 would do; none is drained for another 10.0 s
    110 s: drain c, drain b
        0 tasks waiting, 4 running on workers that stay
        4 slots needed: 1 worker of 4
        4 are too many; 2 in this step
        c is drained: idle for 10.0 s
        b is drained: idle for 10.0 s
    111 s: stop b
        0 tasks waiting, 4 running on workers that stay
        4 slots needed: 1 worker of 4
        the next step down is in 4.0 s
        b is stopped: drained, no task left
    116 s: drain e
        0 tasks waiting, 4 running on workers that stay
        4 slots needed: 1 worker of 4
        2 are too many; 1 in this step
        e is drained: the least busy one, 1 task to finish there
    ");
}
