//! Whom a process belongs to.

use super::{Ledger, Owner};
use crate::attempts::Attempts;
use crate::table::{Observed, ProcessId};
use crate::title::Title;

impl Ledger {
    /// In this order: its title, its parent, its process group or session, its environment.
    pub(super) fn resolve(
        &self,
        process: &Observed,
        parent: Option<ProcessId>,
        agent: &Observed,
        attempts: &mut Attempts,
    ) -> Owner {
        if process.id == agent.id || self.roots.contains(&process.id.pid) {
            return Owner::Overhead;
        }
        if let Some(title) = Title::read(&process.title)
            && title.is_running()
        {
            return Owner::Attempt(attempts.of_title(&title));
        }
        let parent = parent.and_then(|id| self.known.get(&id).map(|known| (id, known)));
        match parent {
            Some((id, _)) if id == agent.id => {}
            Some((id, known)) => match (&known.slot, known.owner) {
                (Some(slot), _) => return slot.attempt.map_or(Owner::Slot(id), Owner::Attempt),
                (None, Owner::Unknown) => {}
                (None, owner) => return owner,
            },
            None => {}
        }
        // A child of the agent, or of nobody that is followed: the agent's own, or an orphan.
        match self.by_group(process.group, process.session, attempts) {
            Owner::Unknown if process.group == agent.group => Owner::Overhead,
            Owner::Unknown => match &process.context {
                Some(context) => attempts.named_by(context).map_or(Owner::Unknown, Owner::Attempt),
                None => Owner::Unknown,
            },
            owner => owner,
        }
    }

    /// Task runners lead groups of their own; what left its parent keeps its group, or at least its session.
    pub(super) fn by_group(&self, group: u32, session: u32, attempts: &Attempts) -> Owner {
        if let Some(number) = attempts.of_group(group).or_else(|| attempts.of_group(session)) {
            return Owner::Attempt(number);
        }
        if self.worker_groups.contains(&group) { Owner::Overhead } else { Owner::Unknown }
    }

    /// The process's group is the attempt's alone: its leader is not the worker or a pool child.
    pub(super) fn leads_only_attempts(&self, process: &Observed, number: u64) -> bool {
        let mut members = self.known.values().filter(|known| known.group == process.group);
        !self.worker_groups.contains(&process.group)
            && members.all(|known| matches!(known.owner, Owner::Attempt(other) if other == number))
    }
}
