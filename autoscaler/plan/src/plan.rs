//! The decision.

use serde::{Deserialize, Serialize};

use crate::facts::{Phase, Worker};
use crate::{Facts, Policy, Reason, State, sizing, victims};

/// First pause after a crash, doubled with each further one.
const BACK_OFF_MIN_MS: u64 = 1_000;
/// Longest pause after crashes.
const BACK_OFF_MAX_MS: u64 = 60_000;
/// A worker that has been ready for so long ends a row of crashes.
const SETTLED_MS: u64 = 10_000;

/// Something to do, in the order of [`Plan::actions`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Action {
    /// Take a drain back.
    Undrain {
        /// The worker.
        worker: String,
    },
    /// Start new workers.
    Start {
        /// How many.
        count: u32,
    },
    /// Ask a worker to take nothing new.
    Drain {
        /// The worker.
        worker: String,
    },
    /// End a worker. `lossy`: it may still have tasks, because the drain is over its limit.
    Stop {
        /// The worker.
        worker: String,
        /// Whether running tasks may be lost.
        lossy: bool,
    },
}

/// A decision with its reasons.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Workers wanted for what is seen now; `None` while the broker is silent.
    pub wanted: Option<u32>,
    /// Workers that take work now or soon.
    pub capacity: u32,
    /// Workers that live, draining and ending ones included.
    pub live: u32,
    /// What to do.
    pub actions: Vec<Action>,
    /// Why, in the order in which it was concluded.
    pub reasons: Vec<Reason>,
}

/// Decides. Pure: the same arguments give the same plan; `state` is what the next decision needs.
pub fn plan(facts: &Facts, policy: &Policy, state: &mut State, now_ms: u64) -> Plan {
    let count = |wanted: fn(&Worker) -> bool| {
        u32::try_from(facts.workers.iter().filter(|worker| wanted(worker)).count()).unwrap_or(u32::MAX)
    };
    let capacity = count(|worker| worker.phase.is_capacity());
    let mut plan = Plan { capacity, live: count(|_| true), ..Plan::default() };
    note_crashes(facts, state, now_ms);
    victims::note_idle(&facts.workers, state, now_ms);
    let Some(demand) = &facts.demand else {
        state.blind = true;
        plan.reasons.push(Reason::BrokerSilent { held: plan.live });
        return plan;
    };
    let wanted = sizing::wanted(demand, facts, policy, state, now_ms, &mut plan.reasons);
    plan.wanted = Some(wanted);
    // What was wanted while nothing was seen is not known: start from what is there.
    if state.blind || state.wanted.is_empty() {
        state.wanted.clear();
        state.wanted.push(now_ms, capacity, policy.idle_s * 1000);
        state.blind = false;
    }
    state.wanted.push(now_ms, wanted, policy.idle_s * 1000);
    if wanted > capacity {
        scale_up(&mut plan, facts, policy, state, wanted - capacity, now_ms);
    } else if wanted < capacity {
        scale_down(&mut plan, facts, policy, state, wanted, now_ms);
    }
    end_workers(&mut plan, facts, policy, now_ms);
    plan
}

fn note_crashes(facts: &Facts, state: &mut State, now_ms: u64) {
    if facts.crashed > 0 {
        state.failures = state.failures.saturating_add(facts.crashed);
        state.crashed_ms = Some(now_ms);
    }
    let settled = |worker: &Worker| {
        worker.phase == Phase::Ready
            && now_ms.saturating_sub(worker.since_ms) >= SETTLED_MS
            && state.crashed_ms.is_none_or(|crashed| worker.started_ms > crashed)
    };
    if facts.workers.iter().any(settled) {
        state.failures = 0;
    }
}

fn scale_up(plan: &mut Plan, facts: &Facts, policy: &Policy, state: &State, missing: u32, now_ms: u64) {
    let mut missing = missing;
    let mut draining: Vec<&Worker> = facts
        .workers
        .iter()
        .filter(|worker| matches!(worker.phase, Phase::Draining | Phase::Drained))
        .collect();
    // The latest drain first: its worker is the least likely to be on its way out.
    draining.sort_by_key(|worker| (u64::MAX - worker.since_ms, worker.name.clone()));
    for worker in draining.into_iter().take(missing as usize) {
        plan.reasons.push(Reason::Undrain { worker: worker.name.clone() });
        plan.actions.push(Action::Undrain { worker: worker.name.clone() });
        missing -= 1;
    }
    if missing == 0 {
        return;
    }
    if let Some(left_ms) = back_off_left(state, now_ms) {
        plan.reasons.push(Reason::BackOff { failures: state.failures, left_ms });
        return;
    }
    let starting = facts.workers.iter().filter(|worker| worker.phase == Phase::Starting).count();
    let starting = u32::try_from(starting).unwrap_or(u32::MAX);
    let room = policy.max.max(policy.min).saturating_sub(plan.live);
    let at_once = policy.max_starting.max(1).saturating_sub(starting);
    let count = missing.min(room).min(at_once);
    if count > 0 {
        plan.reasons.push(Reason::Start { count });
        plan.actions.push(Action::Start { count });
    }
    if missing > room {
        plan.reasons.push(Reason::LiveLimit { live: plan.live + count, max: policy.max.max(policy.min) });
    } else if missing > at_once {
        let max_starting = policy.max_starting.max(1);
        plan.reasons.push(Reason::StartingLimit { starting: starting + count, max_starting });
    }
}

fn back_off_left(state: &State, now_ms: u64) -> Option<u64> {
    let crashed_ms = state.crashed_ms.filter(|_| state.failures > 0)?;
    let pause_ms = (BACK_OFF_MIN_MS << (state.failures - 1).min(16)).min(BACK_OFF_MAX_MS);
    let left_ms = (crashed_ms + pause_ms).saturating_sub(now_ms);
    (left_ms > 0).then_some(left_ms)
}

fn scale_down(plan: &mut Plan, facts: &Facts, policy: &Policy, state: &mut State, wanted: u32, now_ms: u64) {
    let there = plan.capacity;
    let (seen_ms, high) = state.wanted.highest().unwrap_or((now_ms, wanted));
    let surplus = there.saturating_sub(high);
    if surplus == 0 {
        let left_ms = (seen_ms + policy.idle_s * 1000).saturating_sub(now_ms);
        plan.reasons.push(Reason::Held { wanted, there, left_ms });
        return;
    }
    if let Some(stepped_ms) = state.stepped_down_ms {
        let left_ms = (stepped_ms + policy.step_pause_s * 1000).saturating_sub(now_ms);
        if left_ms > 0 {
            plan.reasons.push(Reason::StepPause { left_ms });
            return;
        }
    }
    let percent = u64::from(policy.max_step_down_percent);
    let step = (u64::from(there) * percent / 100).clamp(1, u64::from(surplus));
    let step = u32::try_from(step).unwrap_or(surplus);
    if step < surplus {
        plan.reasons.push(Reason::StepLimit { surplus, step });
    }
    let victims: Vec<&Worker> =
        victims::in_order(&facts.workers, state, now_ms).into_iter().take(step as usize).collect();
    if victims.is_empty() {
        plan.reasons.push(Reason::NothingToDrain);
        return;
    }
    state.stepped_down_ms = Some(now_ms);
    for worker in victims {
        let name = worker.name.clone();
        plan.reasons.push(match worker.busy {
            None | Some(0) => {
                let idle_ms = victims::idle_ms(worker, state, now_ms);
                Reason::DrainIdle { worker: name.clone(), idle_ms }
            }
            Some(busy) => Reason::DrainBusy { worker: name.clone(), busy },
        });
        plan.actions.push(Action::Drain { worker: name });
    }
}

/// Ends what is drained, failed, or draining for too long; never a worker that is taken back.
fn end_workers(plan: &mut Plan, facts: &Facts, policy: &Policy, now_ms: u64) {
    for worker in &facts.workers {
        let name = worker.name.clone();
        if plan.actions.contains(&Action::Undrain { worker: name.clone() }) {
            continue;
        }
        let in_phase_s = now_ms.saturating_sub(worker.since_ms) / 1000;
        let (reason, lossy) = match worker.phase {
            Phase::Drained => (Reason::StopDrained { worker: name.clone() }, false),
            Phase::Failed => (Reason::StopFailed { worker: name.clone() }, false),
            Phase::Draining if in_phase_s >= policy.drain_timeout_s => {
                let busy = worker.busy;
                (Reason::StopOverdue { worker: name.clone(), draining_s: in_phase_s, busy }, busy != Some(0))
            }
            _ => continue,
        };
        plan.reasons.push(reason);
        plan.actions.push(Action::Stop { worker: name, lossy });
    }
}
