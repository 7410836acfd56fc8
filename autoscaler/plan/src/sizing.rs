//! From demand to a number of workers.

use crate::facts::{Demand, Phase, Worker};
use crate::{Facts, Policy, Reason, State};

/// A task that was just taken shows up in flight before its worker reports it. After so long without any
/// report, nobody of ours has it.
const ACCOUNTED_WITHIN_MS: u64 = 10_000;

/// Workers wanted for what is seen now, between `min` and `max`; says why.
pub(crate) fn wanted(
    demand: &Demand,
    facts: &Facts,
    policy: &Policy,
    state: &mut State,
    now_ms: u64,
    reasons: &mut Vec<Reason>,
) -> u32 {
    let slots_per_worker = policy.slots_per_worker.max(1);
    let waited_ms = waited(demand, state, now_ms);
    let staying = facts.workers.iter().filter(|worker| worker.phase.is_capacity());
    let busy: u64 = staying.map(|worker| occupied(worker, slots_per_worker)).sum();
    reasons.push(Reason::Observed { ready: demand.ready, busy, waited_ms });
    explain_messages(demand, reasons);
    for worker in facts.workers.iter().filter(|worker| worker.phase == Phase::Silent) {
        reasons.push(Reason::Silent { worker: worker.name.clone() });
    }
    let (pending, orphans) = unaccounted(demand, facts, slots_per_worker, state, now_ms, reasons);
    // Work sent anew while a lost message still stands for it. Should that message run elsewhere instead, a
    // worker is started in vain; the other mistake would let the work wait for the visibility timeout.
    let left_behind = demand.covered.min(orphans);
    if left_behind > 0 {
        reasons.push(Reason::LeftBehind { ready: left_behind });
    }
    let ready = demand.ready + left_behind;
    let slots = busy + pending + slots_for_waiting(ready, waited_ms, facts.service_ms, policy, reasons);
    let workers = slots.div_ceil(u64::from(slots_per_worker));
    if slots > 0 {
        reasons.push(Reason::Sized { slots, slots_per_worker, workers });
    }
    let max = policy.max.max(policy.min);
    if workers > u64::from(max) {
        reasons.push(Reason::Maximum { max, workers });
        return max;
    }
    let workers = u32::try_from(workers).unwrap_or(max);
    if workers < policy.min {
        reasons.push(Reason::Minimum { min: policy.min });
        return policy.min;
    }
    workers
}

/// Slots in use. A worker that does not tell is taken as full.
fn occupied(worker: &Worker, slots_per_worker: u32) -> u64 {
    match (worker.busy, worker.phase) {
        (Some(busy), _) => u64::from(busy),
        (None, Phase::Silent | Phase::Ready) => u64::from(slots_per_worker),
        (None, _) => 0,
    }
}

fn explain_messages(demand: &Demand, reasons: &mut Vec<Reason>) {
    if demand.duplicates > 0 {
        reasons.push(Reason::Duplicates { messages: demand.duplicates });
    }
    if demand.expired > 0 {
        reasons.push(Reason::Expired { messages: demand.expired });
    }
    if demand.unread > 0 {
        reasons.push(Reason::Unread { messages: demand.unread });
    }
}

/// How long the queue head that is there longest has waited in our sight.
fn waited(demand: &Demand, state: &mut State, now_ms: u64) -> u64 {
    state.heads.retain(|head, _| demand.heads.contains(head));
    for head in &demand.heads {
        state.heads.entry(head.clone()).or_insert(now_ms);
    }
    state.heads.values().map(|&since| now_ms.saturating_sub(since)).max().unwrap_or(0)
}

/// Tasks in flight that no worker of ours reports, as pending and orphans: for a moment they count as running,
/// then as somebody else's (left behind by a killed worker, or running on workers outside this pool).
fn unaccounted(
    demand: &Demand,
    facts: &Facts,
    slots_per_worker: u32,
    state: &mut State,
    now_ms: u64,
    reasons: &mut Vec<Reason>,
) -> (u64, u64) {
    let accounted: u64 = facts.workers.iter().map(|worker| occupied(worker, slots_per_worker)).sum();
    let messages = demand.in_flight.saturating_sub(accounted);
    if messages == 0 {
        state.unaccounted_since = None;
        return (0, 0);
    }
    let since = *state.unaccounted_since.get_or_insert(now_ms);
    // A worker that never consumed cannot have taken anything.
    let could_have_taken = |worker: &Worker| !matches!(worker.phase, Phase::Starting | Phase::Failed);
    let is_recent = now_ms.saturating_sub(since) < ACCOUNTED_WITHIN_MS;
    if is_recent && facts.workers.iter().any(could_have_taken) {
        reasons.push(Reason::Pending { messages });
        return (messages, 0);
    }
    reasons.push(Reason::Orphans { messages });
    (0, messages)
}

/// Slots so that every waiting task starts within the objective: as many tasks share a slot, one after the
/// other, as the remaining time allows.
fn slots_for_waiting(
    ready: u64,
    waited_ms: u64,
    service_ms: Option<u64>,
    policy: &Policy,
    reasons: &mut Vec<Reason>,
) -> u64 {
    if ready == 0 {
        return 0;
    }
    let wait_s = policy.wait_s;
    let Some(service_ms) = service_ms.map(|service_ms| service_ms.max(1)) else {
        reasons.push(Reason::SlotPerTask { ready });
        return ready;
    };
    let left_ms = (wait_s * 1000).saturating_sub(policy.start_s * 1000).saturating_sub(waited_ms);
    // The first task of a slot starts at once, the next ones after one service time each.
    let rounds = left_ms / service_ms + 1;
    if rounds == 1 {
        reasons.push(Reason::TooLateToQueue { ready, waited_ms, wait_s });
        return ready;
    }
    let slots = ready.div_ceil(rounds);
    reasons.push(Reason::Rounds { ready, service_ms, wait_s, slots });
    slots
}
