use crate::event::{Command, Ending, Event, Sample};
use crate::settle::settle;
use crate::state::{Outstanding, Phase, Process, State};

/// Takes in one event and answers what to do now. Call it with [`Event::Tick`] at least every
/// [`crate::Policy::fast_sample_ms`].
pub fn apply(state: &mut State, event: Event, now_ms: u64) -> Vec<Command> {
    let mut commands = Vec::new();
    take_in(state, event, now_ms, &mut commands);
    settle(state, now_ms, &mut commands);
    commands
}

fn take_in(state: &mut State, event: Event, now_ms: u64, commands: &mut Vec<Command>) {
    match event {
        Event::Begun { record: Some(record) } => {
            state.epoch = record.epoch;
            state.drain_requested = !record.cancelled;
            state.persisted = Some(record);
        }
        Event::Resumed { record, queues } => {
            state.process = Some(Process::at(now_ms));
            // Nobody knows how far the earlier agent came: what is wanted is asked for again, from the start.
            if state.policy.has_control {
                remember_cancelled(state, queues);
                let before = record.as_ref().map(|record| record.cancelled_queues.clone());
                remember_cancelled(state, before.unwrap_or_default());
            }
            take_in(state, Event::Begun { record }, now_ms, commands);
        }
        Event::Spawned => {
            state.outstanding = Outstanding::default();
            state.cancelled_queues.clear();
            state.process = Some(Process::at(now_ms));
        }
        Event::SpawnFailed { reason, retryable } => {
            state.outstanding.spawn = false;
            if retryable {
                wait_before_restart(state, now_ms);
            } else {
                state.enter(Phase::Failed { reason }, now_ms);
                commands.push(Command::Finish);
            }
        }
        Event::Announced => announced(state, now_ms),
        Event::Sampled(sample) => sampled(state, sample, now_ms),
        Event::ConsumersCancelled { queues } => {
            state.outstanding.consumers = false;
            heard(state, now_ms);
            remember_cancelled(state, queues);
            if state.drain_requested {
                state.persist(false, commands);
            }
            if let Phase::Draining(drain) = &mut state.phase {
                drain.acknowledged = true;
                // An idle sample from before the acknowledgement proves nothing about what came after it.
                drain.idle_since_ms = None;
            }
        }
        Event::ConsumersAdded => {
            state.outstanding.consumers = false;
            heard(state, now_ms);
            state.cancelled_queues.clear();
            announced(state, now_ms);
        }
        Event::ConsumersFailed { cancelled } => {
            state.outstanding.consumers = false;
            remember_cancelled(state, cancelled);
            state.outstanding.consumers_at_ms = now_ms.saturating_add(state.policy.consumers_retry_ms);
        }
        Event::Drain(request) if request.epoch > state.epoch => {
            state.epoch = request.epoch;
            state.drain_requested = !request.cancel;
            state.persist(false, commands);
        }
        // An old epoch changes nothing, and time is looked at in any case.
        Event::Drain(_) | Event::Begun { record: None } | Event::Tick => {}
        Event::Stop => state.stop_ms = Some(state.stop_ms.unwrap_or(now_ms)),
        Event::Exited(ending) => exited(state, ending, now_ms, commands),
    }
}

fn announced(state: &mut State, now_ms: u64) {
    // Queues that are still cancelled make a worker that answers no worker that consumes.
    if !state.cancelled_queues.is_empty() {
        return;
    }
    if let Some(process) = &mut state.process {
        process.ready_ms.get_or_insert(now_ms);
    }
}

fn remember_cancelled(state: &mut State, queues: Vec<String>) {
    for queue in queues {
        if !state.cancelled_queues.contains(&queue) {
            state.cancelled_queues.push(queue);
        }
    }
}

fn heard(state: &mut State, now_ms: u64) {
    if let Some(process) = &mut state.process {
        process.control_ms = Some(now_ms);
    }
}

fn sampled(state: &mut State, sample: Sample, now_ms: u64) {
    state.outstanding.sample = false;
    let Some(process) = &mut state.process else { return };
    let answered = sample.control.is_some();
    let control = sample.control.unwrap_or_default();
    if answered {
        process.control_ms = Some(now_ms);
    }
    process.tasks = control.active;
    process.tasks.extend(sample.running);
    process.tasks.sort();
    process.tasks.dedup();
    process.reserved = control.reserved;
    let idle = process.tasks.is_empty() && process.reserved == 0;
    let silent_ms = now_ms.saturating_sub(process.control_ms.unwrap_or(process.spawned_ms));
    let silent = !state.policy.has_control || silent_ms >= state.policy.control_silence_ms;
    if answered || !state.policy.has_control {
        announced(state, now_ms);
    }
    if let Phase::Draining(drain) = &mut state.phase {
        let trusted = if answered { drain.acknowledged } else { silent };
        drain.idle_since_ms = (idle && trusted).then(|| drain.idle_since_ms.unwrap_or(now_ms));
        drain.confirmed =
            drain.idle_since_ms.is_some_and(|since| now_ms.saturating_sub(since) >= state.policy.idle_gap_ms);
    }
}

fn exited(state: &mut State, ending: Ending, now_ms: u64, commands: &mut Vec<Command>) {
    let Some(process) = state.process.take() else { return };
    state.outstanding = Outstanding::default();
    state.cancelled_queues.clear();
    if process.terminated_ms.is_none() && !process.killed {
        commands.push(Command::ReportDied { ending, tasks: process.tasks });
    }
    if process.ready_ms.is_some_and(|ready| now_ms.saturating_sub(ready) >= state.policy.healthy_after_ms) {
        state.failures = 0;
    }
    wait_before_restart(state, now_ms);
}

fn wait_before_restart(state: &mut State, now_ms: u64) {
    state.failures = state.failures.saturating_add(1);
    state.spawn_at_ms = now_ms.saturating_add(state.policy.restart_wait_ms(state.failures));
}
