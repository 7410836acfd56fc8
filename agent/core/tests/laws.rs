//! Laws of the life cycle under any order of events, and a drain against a simulated worker.

use agent_core::{Command, ControlFacts, Ending, Event, Policy, Sample, State, apply};
use domain::control::{DrainRequest, WorkerState};
use proptest::prelude::*;

const TIMEOUT_MS: u64 = 30_000;

fn policy() -> Policy {
    Policy {
        drain_timeout_ms: TIMEOUT_MS,
        control_silence_ms: 5_000,
        exit_grace_ms: 3_000,
        ..Policy::default()
    }
}

fn any_sample() -> impl Strategy<Value = Event> {
    let control = proptest::option::of((0usize..3, 0u32..2));
    (control, 0usize..2).prop_map(|(control, running)| {
        let control = control.map(|(active, reserved)| ControlFacts {
            active: (0..active).map(|n| format!("t{n}")).collect(),
            reserved,
        });
        Event::Sampled(Sample { control, running: (0..running).map(|n| format!("p{n}")).collect() })
    })
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        2 => Just(Event::Spawned),
        1 => any::<bool>().prop_map(|retryable| Event::SpawnFailed { reason: "r".into(), retryable }),
        2 => Just(Event::Announced),
        8 => any_sample(),
        3 => Just(Event::ConsumersCancelled { queues: vec!["q".into()] }),
        2 => Just(Event::ConsumersAdded),
        1 => Just(Event::ConsumersFailed { cancelled: vec![] }),
        2 => (0u64..12, any::<bool>()).prop_map(|(epoch, cancel)| Event::Drain(DrainRequest { epoch, cancel })),
        1 => Just(Event::Stop),
        1 => Just(Event::Exited(Ending::Code(1))),
        6 => Just(Event::Tick),
    ]
}

fn any_history() -> impl Strategy<Value = Vec<(u64, Event)>> {
    proptest::collection::vec((1u64..4_000, any_event()), 1..80)
}

fn busy(sample: &Sample) -> bool {
    !sample.running.is_empty()
        || sample.control.as_ref().is_some_and(|facts| !facts.active.is_empty() || facts.reserved > 0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nothing_ends_a_busy_worker_before_a_deadline(history in any_history()) {
        let mut state = State::new(policy(), 0);
        apply(&mut state, Event::Begun { record: None }, 0);
        let (mut now_ms, mut seen_busy, mut process) = (0, false, false);
        let mut first_unwanted_ms = None;
        for (step_ms, event) in history {
            now_ms += step_ms;
            match &event {
                Event::Spawned => (process, seen_busy) = (true, false),
                Event::Exited(_) => (process, seen_busy) = (false, false),
                Event::Sampled(sample) if process => seen_busy = busy(sample),
                Event::Drain(request) if !request.cancel && request.epoch > state.status("").epoch => {
                    first_unwanted_ms.get_or_insert(now_ms);
                }
                Event::Stop => {
                    first_unwanted_ms.get_or_insert(now_ms);
                }
                _ => {}
            }
            let epoch_before = state.status("").epoch;
            let commands = apply(&mut state, event, now_ms);
            prop_assert!(state.status("").epoch >= epoch_before, "epochs are monotone");
            let past_deadline = first_unwanted_ms.is_some_and(|since| now_ms >= since + TIMEOUT_MS);
            for command in &commands {
                match command {
                    Command::Terminate => prop_assert!(process && !seen_busy),
                    Command::KillTree { lost } => {
                        prop_assert!(process && (!seen_busy || past_deadline));
                        prop_assert_eq!(lost.as_slice(), state.tasks());
                    }
                    Command::Spawn => prop_assert!(!process),
                    _ => {}
                }
            }
        }
    }

    #[test]
    fn a_replay_gives_the_same_commands(history in any_history()) {
        let run = || {
            let mut state = State::new(policy(), 0);
            let mut now_ms = 0;
            let mut all = Vec::new();
            for (step_ms, event) in &history {
                now_ms += step_ms;
                all.push(apply(&mut state, event.clone(), now_ms));
            }
            (all, state)
        };
        prop_assert_eq!(run(), run());
    }

    /// A worker that answers everything, and whose tasks end after `task_ms`, is stopped without losing one.
    #[test]
    fn a_stop_ends_well_when_tasks_end_in_time(task_ms in 0u64..20_000, answer_ms in 1u64..400, exit_ms in 1u64..2_500) {
        let mut state = State::new(policy(), 0);
        let mut queue: Vec<(u64, Event)> = vec![(0, Event::Begun { record: None }), (10_000, Event::Stop)];
        queue.extend((1..200).map(|n| (n * 500, Event::Tick)));
        let ends_ms = 9_000 + task_ms;
        let mut terminated_ms = None;
        let mut finished_ms = None;
        while let Some(index) = (0..queue.len()).min_by_key(|index| queue[*index].0) {
            let (now_ms, event) = queue.remove(index);
            for command in apply(&mut state, event, now_ms) {
                let answer = match command {
                    Command::Spawn => Some(Event::Spawned),
                    Command::Sample if terminated_ms.is_some() => Some(Event::Sampled(Sample::default())),
                    Command::Sample => {
                        let active = if (9_000..ends_ms).contains(&now_ms) { vec!["t".to_owned()] } else { vec![] };
                        Some(Event::Sampled(Sample {
                            control: Some(ControlFacts { active, reserved: 0 }),
                            running: vec![],
                        }))
                    }
                    Command::CancelConsumers => Some(Event::ConsumersCancelled { queues: vec!["q".into()] }),
                    Command::Terminate => {
                        prop_assert!(now_ms >= ends_ms + 2_000 || task_ms < 1_000);
                        terminated_ms = Some(now_ms);
                        queue.push((now_ms + exit_ms, Event::Exited(Ending::Code(0))));
                        None
                    }
                    Command::Finish => {
                        finished_ms = Some(now_ms);
                        None
                    }
                    other => return Err(TestCaseError::fail(format!("{other:?}"))),
                };
                queue.extend(answer.map(|event| (now_ms + answer_ms, event)));
            }
        }
        prop_assert_eq!(state.status("").state, WorkerState::Stopped);
        let finished_ms = finished_ms.unwrap();
        prop_assert!(finished_ms <= ends_ms.max(10_000) + 2_000 + 6 * 500 + 3 * answer_ms + exit_ms);
    }
}
