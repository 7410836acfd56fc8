//! What holds for every input.

#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)] // a test may panic; a dozen workers fit

use autoscaler_plan::{Action, Demand, Facts, Phase, Policy, State, Worker, plan};
use proptest::prelude::*;

fn policy() -> impl Strategy<Value = Policy> {
    (1..20u32, 0..4u32, 0..12u32, 1..120u64, 0..60u64, 1..5u32, 0..=100u32).prop_map(
        |(slots_per_worker, min, more, wait_s, idle_s, max_starting, max_step_down_percent)| Policy {
            slots_per_worker,
            min,
            max: min + more,
            wait_s,
            idle_s,
            max_starting,
            max_step_down_percent,
            ..Policy::default()
        },
    )
}

fn phase() -> impl Strategy<Value = Phase> {
    prop_oneof![
        1 => Just(Phase::Starting),
        4 => Just(Phase::Ready),
        1 => Just(Phase::Draining),
        1 => Just(Phase::Drained),
        1 => Just(Phase::Stopping),
        1 => Just(Phase::Failed),
        1 => Just(Phase::Silent),
    ]
}

fn workers() -> impl Strategy<Value = Vec<Worker>> {
    let worker = (phase(), 0..20u32, 0..100_000u64);
    proptest::collection::vec(worker, 0..12).prop_map(|workers| {
        let number = |(n, (phase, busy, since_ms)): (usize, (Phase, u32, u64))| Worker {
            name: format!("w{n}"),
            phase,
            busy: match phase {
                Phase::Silent | Phase::Starting | Phase::Failed => None,
                Phase::Drained | Phase::Stopping => Some(0),
                Phase::Ready | Phase::Draining => Some(busy),
            },
            started_ms: since_ms,
            since_ms,
        };
        workers.into_iter().enumerate().map(number).collect()
    })
}

fn facts() -> impl Strategy<Value = Facts> {
    let demand = proptest::option::weighted(
        0.9,
        (0..300u64, 0..50u64).prop_map(|(ready, in_flight)| Demand { ready, in_flight, ..Demand::default() }),
    );
    (demand, workers(), 0..2u32, proptest::option::of(1..600_000u64))
        .prop_map(|(demand, workers, crashed, service_ms)| Facts { demand, workers, crashed, service_ms })
}

fn started(actions: &[Action]) -> u32 {
    actions.iter().map(|action| if let Action::Start { count } = action { *count } else { 0 }).sum()
}

proptest! {
    #[test]
    fn limits_hold(policy in policy(), history in proptest::collection::vec(facts(), 1..5)) {
        let mut state = State::default();
        for (n, facts) in history.iter().enumerate() {
            let plan = plan(facts, &policy, &mut state, 200_000 + n as u64 * 7_000);
            if let Some(wanted) = plan.wanted {
                prop_assert!((policy.min..=policy.max).contains(&wanted));
            }
            let count = started(&plan.actions);
            prop_assert!(count == 0 || plan.live + count <= policy.max, "{plan:?}");
            let starting = facts.workers.iter().filter(|worker| worker.phase == Phase::Starting).count();
            prop_assert!(count == 0 || starting as u32 + count <= policy.max_starting);
            let drained = plan.actions.iter().filter(|action| matches!(action, Action::Drain { .. })).count() as u32;
            prop_assert!(drained == 0 || plan.capacity - drained >= plan.wanted.unwrap());
            prop_assert!(drained == 0 || count == 0, "never up and down at once: {plan:?}");
        }
    }

    #[test]
    fn tasks_are_never_ended_before_the_drain_limit(policy in policy(), facts in facts()) {
        let plan = plan(&facts, &policy, &mut State::default(), 200_000);
        for action in &plan.actions {
            if let Action::Stop { worker, lossy } = action {
                let worker = facts.workers.iter().find(|known| &known.name == worker).unwrap();
                prop_assert!(!lossy, "the limit is a day");
                prop_assert!(matches!(worker.phase, Phase::Drained | Phase::Failed));
            }
        }
    }

    #[test]
    fn silence_of_the_broker_changes_nothing(policy in policy(), facts in facts()) {
        let facts = Facts { demand: None, ..facts };
        prop_assert!(plan(&facts, &policy, &mut State::default(), 200_000).actions.is_empty());
    }

    #[test]
    fn more_waiting_work_never_wants_fewer(policy in policy(), facts in facts(), more in 1..500u64) {
        prop_assume!(facts.demand.is_some());
        let mut larger = facts.clone();
        larger.demand.as_mut().unwrap().ready += more;
        let small = plan(&facts, &policy, &mut State::default(), 200_000).wanted;
        let large = plan(&larger, &policy, &mut State::default(), 200_000).wanted;
        prop_assert!(large >= small, "{small:?} {large:?}");
    }

    #[test]
    fn running_tasks_keep_their_slots(policy in policy(), facts in facts()) {
        let plan = plan(&facts, &policy, &mut State::default(), 200_000);
        let busy: u32 = facts.workers.iter().filter(|worker| worker.phase == Phase::Ready).filter_map(|worker| worker.busy).sum();
        if let Some(wanted) = plan.wanted {
            prop_assert!(wanted >= busy.div_ceil(policy.slots_per_worker).min(policy.max));
        }
    }

    #[test]
    fn a_clock_that_jumps_breaks_no_limit(
        policy in policy(), history in proptest::collection::vec((facts(), 0..4_000_000_000_000u64), 1..6)
    ) {
        let mut state = State::default();
        for (facts, now_ms) in &history {
            let plan = plan(facts, &policy, &mut state, *now_ms);
            let count = started(&plan.actions);
            prop_assert!(count == 0 || plan.live + count <= policy.max, "{plan:?}");
            for action in &plan.actions {
                if let Action::Stop { worker, .. } = action {
                    let worker = facts.workers.iter().find(|known| &known.name == worker).unwrap();
                    let overdue = now_ms.saturating_sub(worker.since_ms) / 1000 >= policy.drain_timeout_s;
                    let over = matches!(worker.phase, Phase::Drained | Phase::Failed);
                    prop_assert!(over || (overdue && worker.phase == Phase::Draining), "{worker:?}");
                }
            }
        }
    }

    /// A world that does what it is told: constant demand, workers ready at once.
    #[test]
    fn constant_demand_settles_and_stays(policy in policy(), ready in 0..100u64, service_ms in proptest::option::of(1..60_000u64)) {
        let policy = Policy { step_pause_s: 1, ..policy };
        let mut state = State::default();
        let mut workers: Vec<Worker> = Vec::new();
        let mut changes = Vec::new();
        for second in 1..600u64 {
            let now_ms = second * 1000;
            let demand = Some(Demand { ready, ..Demand::default() });
            let facts = Facts { demand, workers: workers.clone(), crashed: 0, service_ms };
            for action in plan(&facts, &policy, &mut state, now_ms).actions {
                changes.push(second);
                match action {
                    Action::Start { count } => workers.extend((0..count).map(|n| Worker {
                        name: format!("w{second}-{n}"), phase: Phase::Ready, busy: Some(0), started_ms: now_ms, since_ms: now_ms,
                    })),
                    Action::Drain { worker } | Action::Stop { worker, .. } => workers.retain(|known| known.name != worker),
                    Action::Undrain { .. } => prop_assert!(false, "nothing drains"),
                }
            }
        }
        prop_assert!(changes.last().is_none_or(|&last| last < 60), "{changes:?}");
    }
}
