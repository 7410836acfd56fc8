use crate::event::Command;
use crate::state::{Drain, Phase, State};

/// Compares what is with what should be, until nothing changes any more at this moment.
pub(crate) fn settle(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    loop {
        let before = std::mem::discriminant(&state.phase);
        match state.phase {
            Phase::Starting => starting(state, now_ms, commands),
            Phase::Ready => ready(state, now_ms, commands),
            Phase::Draining(_) => draining(state, now_ms, commands),
            Phase::Drained => drained(state, now_ms, commands),
            Phase::Stopped | Phase::Failed { .. } => {}
        }
        if std::mem::discriminant(&state.phase) == before {
            return;
        }
    }
}

fn starting(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    let Some(process) = &state.process else {
        if state.outstanding.spawn {
            return; // Whatever is wanted now waits for the answer.
        }
        if state.is_unwanted() {
            enter_drained(state, now_ms, commands);
        } else if now_ms >= state.spawn_at_ms {
            state.outstanding.spawn = true;
            commands.push(Command::Spawn);
        }
        return;
    };
    let ready = process.ready_ms.is_some();
    if state.is_unwanted() {
        enter_draining(state, now_ms);
    } else if state.outstanding.consumers || !state.cancelled_queues.is_empty() {
        change_consumers(state, now_ms, commands);
        sample(state, state.policy.fast_sample_ms, now_ms, commands);
    } else if ready {
        state.enter(Phase::Ready, now_ms);
    } else {
        sample(state, state.policy.fast_sample_ms, now_ms, commands);
    }
}

fn ready(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    if state.process.is_none() {
        state.enter(Phase::Starting, now_ms);
    } else if state.is_unwanted() {
        enter_draining(state, now_ms);
    } else if !state.cancelled_queues.is_empty() {
        resume(state, now_ms); // The answer to a drain that was taken back meanwhile came late.
    } else {
        sample(state, state.policy.slow_sample_ms, now_ms, commands);
    }
}

fn draining(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    let unwanted = state.is_unwanted();
    let Phase::Draining(drain) = &state.phase else { return };
    let Some(process) = &mut state.process else {
        enter_drained(state, now_ms, commands);
        return;
    };
    if now_ms >= drain.deadline_ms && unwanted {
        if !process.killed {
            process.killed = true;
            commands.push(Command::KillTree { lost: process.tasks.clone() });
        }
        return;
    }
    if process.killed {
        return; // Past the deadline once; its end is on the way.
    }
    if !unwanted {
        resume(state, now_ms);
        return;
    }
    let acknowledged = drain.acknowledged;
    if drain.confirmed {
        enter_drained(state, now_ms, commands);
        return;
    }
    if !acknowledged && state.policy.has_control {
        change_consumers(state, now_ms, commands);
    }
    sample(state, state.policy.fast_sample_ms, now_ms, commands);
}

fn drained(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    let unwanted = state.is_unwanted();
    let stop_ms = state.stop_ms;
    let Some(process) = &mut state.process else {
        if stop_ms.is_some() {
            state.enter(Phase::Stopped, now_ms);
            commands.push(Command::Finish);
        } else if !unwanted {
            state.failures = 0;
            state.spawn_at_ms = now_ms;
            state.enter(Phase::Starting, now_ms);
        }
        return;
    };
    let busy = !process.tasks.is_empty() || process.reserved > 0;
    match (process.terminated_ms, stop_ms) {
        (None, _) if !unwanted => resume(state, now_ms),
        // Somebody else made it consume again: drain again, from the start.
        (None, _) if busy => enter_draining(state, now_ms),
        (None, Some(_)) => {
            process.terminated_ms = Some(now_ms);
            commands.push(Command::Terminate);
        }
        (None, None) => sample(state, state.policy.slow_sample_ms, now_ms, commands),
        (Some(terminated_ms), _) => {
            let deadline_ms = stop_ms.unwrap_or(terminated_ms).saturating_add(state.policy.drain_timeout_ms);
            let idle_too_long = !busy && now_ms >= terminated_ms.saturating_add(state.policy.exit_grace_ms);
            if (idle_too_long || now_ms >= deadline_ms) && !process.killed {
                process.killed = true;
                commands.push(Command::KillTree { lost: process.tasks.clone() });
            }
            sample(state, state.policy.fast_sample_ms, now_ms, commands);
        }
    }
}

fn enter_draining(state: &mut State, now_ms: u64) {
    // A stop that comes during a drain starts no new deadline, and a drain after a stop keeps the stop's.
    let begun_ms = state.stop_ms.unwrap_or(now_ms);
    let deadline_ms = begun_ms.saturating_add(state.policy.drain_timeout_ms);
    state.outstanding.sample_at_ms = now_ms;
    state.outstanding.consumers_at_ms = now_ms;
    state.enter(
        Phase::Draining(Drain { deadline_ms, acknowledged: false, idle_since_ms: None, confirmed: false }),
        now_ms,
    );
}

fn enter_drained(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    if state.drain_requested {
        state.persist(true, commands);
    }
    state.enter(Phase::Drained, now_ms);
}

/// Takes a drain back: the worker lives on and consumes again what was cancelled.
fn resume(state: &mut State, now_ms: u64) {
    if !state.cancelled_queues.is_empty()
        && let Some(process) = &mut state.process
    {
        process.ready_ms = None;
    }
    state.outstanding.consumers_at_ms = now_ms;
    state.enter(Phase::Starting, now_ms);
}

fn change_consumers(state: &mut State, now_ms: u64, commands: &mut Vec<Command>) {
    if state.outstanding.consumers || now_ms < state.outstanding.consumers_at_ms {
        return;
    }
    state.outstanding.consumers = true;
    commands.push(if state.is_unwanted() {
        Command::CancelConsumers
    } else {
        Command::AddConsumers { queues: state.cancelled_queues.clone() }
    });
}

fn sample(state: &mut State, every_ms: u64, now_ms: u64, commands: &mut Vec<Command>) {
    // The next one may be due sooner than it was planned: a ready worker begins to drain.
    state.outstanding.sample_at_ms = state.outstanding.sample_at_ms.min(now_ms.saturating_add(every_ms));
    if !state.outstanding.sample && now_ms >= state.outstanding.sample_at_ms {
        state.outstanding.sample = true;
        state.outstanding.sample_at_ms = now_ms.saturating_add(every_ms);
        commands.push(Command::Sample);
    }
}
