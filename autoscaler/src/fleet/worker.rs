//! One worker of a fleet: its record, its process if it is our child, and what its agent last said.

use autoscaler_plan::{Phase, Worker};
use domain::control::{DrainRequest, WorkerState, WorkerStatus};
use tokio::process::Child;

use super::FleetError;
use super::agent::Agent;
use super::process;
use super::record::Record;
use crate::clock::unix_ms;

/// An agent that never answered is starting for so long: opening its socket is the first thing it does.
const STARTING_MAX_MS: u64 = 60_000;
/// An agent that answered before and does not now is silent after so long; a loaded machine may skip a beat.
const SILENT_AFTER_MS: u64 = 5_000;

/// First pause before a killed agent is started again, doubled with each further kill.
const RESTART_MIN_MS: u64 = 250;
/// Longest such pause.
const RESTART_MAX_MS: u64 = 30_000;
/// Kills in a row after which a worker is given up: what kills it that often kills the next one too.
const RESTARTS_MAX: u32 = 8;
/// An agent that answers so long after its start ends a row of kills.
const SETTLED_MS: u64 = 60_000;
/// Exit code of a Rust program that panicked: no decision of its own.
const PANIC: i32 = 101;

/// One worker.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) record: Record,
    /// Present when this process started it; an adopted one is watched by its pid.
    pub(super) child: Option<Child>,
    pub(super) agent: Agent,
    /// What the agent said last, and when (Unix milliseconds).
    pub(super) said: Option<(WorkerStatus, u64)>,
    /// When its agent was started or found (Unix milliseconds).
    pub(super) launched_ms: u64,
    /// It was started again after it had been told to end, and is told again once it answers.
    pub(super) tell_again: bool,
}

/// The end of an agent.
#[derive(Debug)]
pub(super) struct End {
    /// How, in words.
    pub(super) words: String,
    /// Not by its own decision: its worker may run on.
    pub(super) killed: bool,
}

impl Member {
    /// A worker of which only the record is known.
    pub(super) fn new(record: Record) -> Result<Self, FleetError> {
        let agent = Agent::new(&record.socket)
            .map_err(|source| FleetError::Agent { worker: record.worker.clone(), source })?;
        Ok(Self { record, child: None, agent, said: None, launched_ms: unix_ms(), tell_again: false })
    }

    /// How its agent ended, when it has.
    pub(super) fn ended(&mut self) -> Option<End> {
        if let Some(child) = &mut self.child {
            return match child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(End {
                    words: status.to_string(),
                    killed: status.code().is_none_or(|code| code == PANIC),
                }),
                Err(error) => Some(End { words: format!("cannot be watched: {error}"), killed: false }),
            };
        }
        let lives = self.record.pid.is_some_and(|pid| process::start_ticks(pid) == self.record.start_ticks);
        // An agent that ends in order takes its socket with it.
        (!lives).then(|| End {
            words: "an exit status that only its former parent knows".to_owned(),
            killed: self.record.socket.exists(),
        })
    }

    /// Takes note that its agent was killed. Answers the pause until it is started again; `None`: it was killed too
    /// often.
    pub(super) fn was_killed(&mut self, now_ms: u64) -> Option<u64> {
        (self.child, self.record.pid, self.record.start_ticks) = (None, None, None);
        if self.record.restarts >= RESTARTS_MAX {
            return None;
        }
        let pause_ms = (RESTART_MIN_MS << self.record.restarts.min(16)).min(RESTART_MAX_MS);
        self.record.restarts += 1;
        self.record.restart_at_ms = Some(now_ms.saturating_add(pause_ms));
        Some(pause_ms)
    }

    /// The request that the agent has not confirmed yet.
    pub(super) fn unconfirmed(&self) -> Option<DrainRequest> {
        let confirmed = self.said.as_ref().is_some_and(|(status, _)| status.epoch >= self.record.drain_epoch);
        (!confirmed && self.record.drain_epoch > 0 && self.record.stopping_ms.is_none()).then(|| {
            DrainRequest { epoch: self.record.drain_epoch, cancel: self.record.drain_asked_ms.is_none() }
        })
    }

    pub(super) fn heard(&mut self, status: WorkerStatus, now_ms: u64) {
        if now_ms.saturating_sub(self.launched_ms) >= SETTLED_MS {
            self.record.restarts = 0;
        }
        // Somebody else may have asked for a drain meanwhile; our next epoch must be above theirs.
        self.record.drain_epoch = self.record.drain_epoch.max(status.epoch);
        self.said = Some((status, now_ms));
    }

    /// An agent that was killed while it ended is told again, now that it listens.
    pub(super) fn tell_to_end_again(&mut self) {
        if !std::mem::take(&mut self.tell_again) {
            return;
        }
        if let (Some(pid), Some(ticks)) = (self.record.pid, self.record.start_ticks)
            && let Err(error) = process::terminate(pid, ticks)
        {
            tracing::warn!(worker = self.record.worker, %error, "its agent is not told to end yet");
            self.tell_again = true;
        }
    }

    /// Celery node name, once the agent has told it.
    pub(super) fn node(&self) -> Option<&str> {
        self.said.as_ref().map(|(status, _)| status.worker.as_str())
    }

    /// The worker as planning sees it.
    pub(super) fn facts(&self, now_ms: u64) -> Worker {
        let record = &self.record;
        let worker = |phase, busy, since_ms| Worker {
            name: record.worker.clone(),
            phase,
            busy,
            started_ms: record.started_ms,
            since_ms,
        };
        let busy = self.said.as_ref().map(|(status, _)| status.active.saturating_add(status.reserved));
        if let Some(stopping_ms) = record.stopping_ms {
            return worker(Phase::Stopping, busy, stopping_ms);
        }
        let Some((status, said_ms)) = &self.said else {
            let starting = now_ms.saturating_sub(record.started_ms) < STARTING_MAX_MS;
            return worker(if starting { Phase::Starting } else { Phase::Silent }, None, record.started_ms);
        };
        if now_ms.saturating_sub(*said_ms) > SILENT_AFTER_MS {
            return worker(Phase::Silent, None, *said_ms);
        }
        let phase = match status.state {
            WorkerState::Starting => Phase::Starting,
            WorkerState::Ready => Phase::Ready,
            WorkerState::Draining => Phase::Draining,
            WorkerState::Drained => Phase::Drained,
            WorkerState::Stopped | WorkerState::Failed => Phase::Failed,
        };
        // A request on its way counts as done: it must not be decided twice.
        match (self.unconfirmed(), phase) {
            (Some(request), Phase::Ready | Phase::Starting) if !request.cancel => {
                worker(Phase::Draining, busy, record.drain_asked_ms.unwrap_or(now_ms))
            }
            (Some(request), Phase::Draining | Phase::Drained) if request.cancel => {
                worker(Phase::Ready, busy, now_ms)
            }
            _ => worker(phase, busy, status.since_ms),
        }
    }
}
