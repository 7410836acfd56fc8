use domain::control::{self, WorkerState, WorkerStatus};

use super::Roll;
use super::generation::Role;

impl Roll {
    /// What others are told about all generations as one worker; `worker` is the node name of the first.
    pub fn status(&self, worker: &str) -> WorkerStatus {
        let sum = |of: fn(&super::Generation) -> u32| {
            self.generations.iter().fold(0u32, |sum, generation| sum.saturating_add(of(generation)))
        };
        WorkerStatus {
            schema: control::SCHEMA,
            worker: worker.to_owned(),
            state: self.state(),
            epoch: self.epoch,
            active: sum(|generation| generation.seen.active),
            reserved: sum(|generation| generation.seen.reserved),
            since_ms: self.since_ms,
            reason: self.reason(),
        }
    }

    /// The slots that all generations may have together; never above the policy's.
    pub fn slots(&self) -> u32 {
        self.generations.iter().map(|generation| generation.slots).sum()
    }

    /// The slots that each generation may have.
    pub fn slots_by_generation(&self) -> impl Iterator<Item = (u32, u32)> {
        self.generations.iter().map(|generation| (generation.number, generation.slots))
    }

    pub(super) fn state(&self) -> WorkerState {
        if self.finished {
            return if self.failed.is_some() { WorkerState::Failed } else { WorkerState::Stopped };
        }
        if self.stopping || self.drain_requested || self.failed.is_some() {
            return if self.is_drained() { WorkerState::Drained } else { WorkerState::Draining };
        }
        // Between two generations the worker is still the same one, and full capacity is moments away.
        let alive = |role: &Role| matches!(role, Role::Serving | Role::Held { proved: true });
        let rolls = self.proved.is_some()
            && self.generations.iter().any(|generation| {
                alive(&generation.role)
                    || matches!(generation.role, Role::Starting { .. })
                    || generation.busy() > 0
            });
        let crashed = self.generations.iter().any(|generation| {
            generation.role == Role::Serving && generation.seen.state == WorkerState::Starting
        });
        if rolls && !crashed { WorkerState::Ready } else { WorkerState::Starting }
    }

    fn reason(&self) -> Option<String> {
        if let Some(reason) = &self.failed {
            return Some(reason.clone());
        }
        if self.stopping || self.drain_requested {
            return None;
        }
        let Some(wanted) = &self.wanted else {
            return Some("no publication is usable here yet".to_owned());
        };
        if let Some((publication, reason)) = &self.refused {
            return Some(format!("publication {publication} does not run here: {reason}"));
        }
        let environment =
            wanted.environment.map_or_else(|| "the base".to_owned(), |environment| environment.short());
        let front =
            self.target().and_then(|target| self.front(&target)).map(|index| &self.generations[index]);
        match front {
            None => Some(format!("waits for a free slot to change to environment {environment}")),
            Some(front) if matches!(front.role, Role::Starting { .. }) && self.proved.is_some() => {
                Some(format!("changes to environment {environment}"))
            }
            Some(_) => None,
        }
    }
}
