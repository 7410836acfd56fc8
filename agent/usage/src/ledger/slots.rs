//! Pool children and the attempts that they run.

use super::{Charge, Known, Ledger, Owner, Slot};
use crate::attempts::Attempts;
use crate::table::{Counters, Table};
use crate::title::Title;

/// Tables for which what a pool child's unknown attempt used waits for its name; then it counts as unattributed.
const LIMBO_TABLES: u32 = 15;

impl Slot {
    pub(super) fn put_aside(&mut self, used: Counters) {
        if !used.is_zero() {
            self.limbo += used;
            self.limbo_age = 0;
        }
    }

    pub(super) fn limbo(&self) -> Counters {
        self.limbo
    }

    fn give(&mut self, number: u64) -> Option<Charge> {
        self.attempt = Some(number);
        let used = std::mem::take(&mut self.limbo);
        (!used.is_zero()).then_some(Charge { owner: Owner::Attempt(number), used, settled: true })
    }
}

impl Ledger {
    /// Finds out from titles which pool child runs what.
    pub(super) fn link(&mut self, table: &Table, attempts: &mut Attempts, charges: &mut Vec<Charge>) {
        for process in &table.processes {
            let Some(title) = Title::read(&process.title) else { continue };
            let (holder, number) = match &title {
                Title::Runner { .. } | Title::Command { .. } => match self.known.get(&process.id) {
                    Some(Known { parent, owner: Owner::Attempt(number), .. }) => (*parent, Some(*number)),
                    _ => (None, None),
                },
                // The title stays after the task: alone it says nothing about an attempt nobody has heard of.
                Title::Supervisor { ti_id } => (Some(process.id), attempts.of_ti(ti_id)),
                Title::Pool => (None, None),
            };
            let (Some(holder), Some(number)) = (holder, number) else { continue };
            let is_agent = self.agent == Some(holder);
            let Some(known) = self.known.get_mut(&holder) else { continue };
            if is_agent || self.roots.contains(&holder.pid) || matches!(known.owner, Owner::Attempt(_)) {
                continue; // An orphan, or the runner below Airflow 2's supervisor.
            }
            known.hold(number, attempts, charges);
        }
        for known in self.known.values_mut() {
            if let Some(slot) = known.slot.as_mut().filter(|slot| !slot.limbo.is_zero()) {
                slot.limbo_age += 1;
                if slot.limbo_age > LIMBO_TABLES {
                    slot.limbo = Counters::default();
                }
            }
        }
    }

    /// The worker itself says which pool child runs it.
    pub(crate) fn hold(&mut self, pid: u32, number: u64, attempts: &mut Attempts) -> Vec<Charge> {
        let mut charges = Vec::new();
        let (agent, is_root) = (self.agent, self.roots.contains(&pid));
        let holder = self.known.iter_mut().find(|(id, known)| id.pid == pid && !known.ended);
        if let Some((id, known)) = holder
            && agent != Some(*id)
            && !is_root
            && !matches!(known.owner, Owner::Attempt(_))
        {
            known.hold(number, attempts, &mut charges);
        }
        charges
    }

    /// The attempt is over: its pool child runs nothing, until something else is seen.
    pub(crate) fn release(&mut self, number: u64) {
        for slot in self.known.values_mut().filter_map(|known| known.slot.as_mut()) {
            if slot.attempt == Some(number) {
                slot.attempt = None;
            }
        }
    }

    /// An attempt that was never seen with its pool child has ended; when one pool child only has something that
    /// nobody claimed, it was this attempt's.
    pub(crate) fn claim(&mut self, number: u64) -> Option<Charge> {
        let mut unclaimed = self
            .known
            .values_mut()
            .filter_map(|known| known.slot.as_mut())
            .filter(|slot| slot.attempt.is_none() && !slot.limbo.is_zero());
        let (slot, None) = (unclaimed.next()?, unclaimed.next()) else { return None };
        let charge = slot.give(number);
        slot.attempt = None;
        charge
    }
}

impl Known {
    fn hold(&mut self, number: u64, attempts: &mut Attempts, charges: &mut Vec<Charge>) {
        let slot = self.slot.get_or_insert_default();
        let Some(attempt) = attempts.get_mut(number) else { return };
        if slot.attempt == Some(number) || (attempt.is_over() && attempt.is_linked) {
            return;
        }
        let was_over = attempt.is_over();
        attempt.is_linked = true;
        charges.extend(slot.give(number));
        if was_over {
            slot.attempt = None;
        }
    }
}
