//! Agents come and go: started, found ended, started again when they were killed.

use std::path::Path;

use super::worker::Member;
use super::{Ended, Fleet, FleetError, names, process};
use crate::clock::unix_ms;
use crate::settings::Values;

/// The agent's own limit for a drain (`updraft-agent worker --drain-timeout-s`).
const DRAIN_TIMEOUT_VARIABLE: &str = "UPDRAFT_DRAIN_TIMEOUT_S";
/// What becomes of a worker.
enum Fate {
    Stays,
    Ended,
    /// What its agent wrote down stays: its worker may run on.
    GivenUp,
}

impl Fleet {
    /// Starts a worker's agent.
    pub(super) fn launch(&self, member: &mut Member) -> Result<(), FleetError> {
        let record = &mut member.record;
        let command = self.pool.command.fill(&Values {
            pool: &self.pool.name,
            worker: &record.worker,
            socket: &record.socket,
            queues: &self.pool.queues,
            slots: self.pool.policy.slots_per_worker,
        });
        let mut environment = self.pool.environment.clone();
        // The agent ends what is over the limit; both must mean the same one.
        let drain_timeout_s = self.pool.policy.drain_timeout_s.to_string();
        environment.entry(DRAIN_TIMEOUT_VARIABLE.to_owned()).or_insert(drain_timeout_s);
        let marker = record.socket.display().to_string();
        let started = process::start(&command, &environment, &marker, &record.log);
        let child = started.map_err(|source| FleetError::Start {
            program: command.first().cloned().unwrap_or_default(),
            source,
        })?;
        record.pid = child.id();
        record.start_ticks = child.id().and_then(process::start_ticks);
        record.restart_at_ms = None;
        member.child = Some(child);
        member.launched_ms = unix_ms();
        Ok(())
    }

    /// Forgets workers whose agent has ended, and starts those again that were killed.
    ///
    /// # Errors
    /// When a record cannot be written or removed.
    pub fn reap(&mut self) -> Result<Ended, FleetError> {
        let mut ended = Ended::default();
        for name in self.members.keys().cloned().collect::<Vec<_>>() {
            let Some(mut member) = self.members.remove(&name) else { continue };
            match self.fate(&mut member, &mut ended)? {
                Fate::Stays => {
                    self.members.insert(name, member);
                    continue;
                }
                Fate::Ended => self.remove(&member.record)?,
                Fate::GivenUp => self.forget(&member.record)?,
            }
            let in_use = |path: &Path| self.members.values().any(|member| member.record.log == path);
            names::prune_logs(&self.directory, in_use);
        }
        Ok(ended)
    }

    /// Whether a worker stays in the fleet: its agent lives, or will again.
    fn fate(&self, member: &mut Member, ended: &mut Ended) -> Result<Fate, FleetError> {
        let (pool, worker, now_ms) = (&self.pool.name, member.record.worker.clone(), unix_ms());
        if let Some(due_ms) = member.record.restart_at_ms {
            if now_ms < due_ms {
                return Ok(Fate::Stays);
            }
            if let Err(error) = self.launch(member) {
                let cause = std::error::Error::source(&error).map(ToString::to_string);
                tracing::error!(pool, worker, %error, cause, "its agent is not started again yet");
                return self.try_again(member, ended, now_ms);
            }
            member.tell_again = member.record.stopping_ms.is_some();
            self.write(&member.record)?;
            tracing::info!(pool, worker, pid = member.record.pid, "started again");
            ended.restarted += 1;
            return Ok(Fate::Stays);
        }
        let Some(end) = member.ended() else { return Ok(Fate::Stays) };
        let log = member.record.log.display().to_string();
        if end.killed {
            tracing::warn!(pool, worker, status = end.words, log, "its agent was killed; its worker runs on");
            return self.try_again(member, ended, now_ms);
        }
        if member.record.stopping_ms.is_some() {
            ended.stopped += 1;
            tracing::info!(pool, worker, status = end.words, "ended as asked");
        } else {
            ended.crashed += 1;
            tracing::warn!(pool, worker, status = end.words, log, "ended without being asked");
        }
        Ok(Fate::Ended)
    }

    fn try_again(&self, member: &mut Member, ended: &mut Ended, now_ms: u64) -> Result<Fate, FleetError> {
        let (pool, worker) = (&self.pool.name, member.record.worker.clone());
        let Some(pause_ms) = member.was_killed(now_ms) else {
            ended.crashed += 1;
            let (log, kills) = (member.record.log.display(), member.record.restarts);
            tracing::error!(
                pool, worker, kills, %log,
                "given up: its agent was killed again and again. A worker of it may run on unseen: look for its name"
            );
            return Ok(Fate::GivenUp);
        };
        tracing::info!(pool, worker, pause_ms, "its agent is started again under the same name");
        self.write(&member.record)?;
        Ok(Fate::Stays)
    }
}
