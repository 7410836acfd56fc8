//! Counters of the gone: charged while they were seen, the rest found with their reaper.

use std::collections::{BTreeMap, BTreeSet};

use super::{Charge, Known, Ledger, Owner};
use crate::table::{Counters, Observed, ProcessId, Table};

/// Tables after which a reaper's counters have certainly shown a child that is gone: it was reaped before the table
/// in which it is missing was read to its end, so the next one shows it.
const PENDING_TABLES: u32 = 2;

impl Known {
    /// Whom what it reaps belongs to.
    pub(super) fn heir(&self) -> Owner {
        match &self.slot {
            Some(slot) => slot.attempt.map_or(Owner::Overhead, Owner::Attempt),
            None => self.owner,
        }
    }
}

impl Ledger {
    /// Processes that are not in the table hand what was charged for them to their reapers.
    pub(super) fn forget_gone(&mut self, table: &Table) {
        let present: BTreeSet<ProcessId> = table.processes.iter().map(|process| process.id).collect();
        let mut gone: BTreeMap<ProcessId, Known> = BTreeMap::new();
        self.known.retain(|id, known| {
            let stays = present.contains(id);
            if !stays {
                gone.insert(*id, known.clone());
            }
            stays
        });
        // Children before parents: what a gone parent had reaped goes up with it.
        while !gone.is_empty() {
            let parents: BTreeSet<ProcessId> = gone.values().filter_map(|known| known.parent).collect();
            let leaf = gone.keys().find(|id| !parents.contains(id)).or_else(|| gone.keys().next()).copied();
            let Some(known) = leaf.and_then(|id| gone.remove(&id)) else { break };
            let handed = known.own + known.reaped + known.pending;
            let heirs = if known.heirs.is_empty() { BTreeSet::from([known.heir()]) } else { known.heirs };
            let parent = known.parent;
            let reaper = parent.and_then(|id| gone.get_mut(&id));
            match reaper.or_else(|| parent.and_then(|id| self.known.get_mut(&id))) {
                Some(reaper) => {
                    reaper.pending += handed;
                    reaper.heirs.extend(heirs);
                    reaper.pending_age = 0;
                }
                None => self.forfeited += handed,
            }
        }
    }

    /// Charges what one process's counters gained.
    pub(super) fn charge(&mut self, process: &Observed, charges: &mut Vec<Charge>) {
        let Some(known) = self.known.get_mut(&process.id) else { return };
        let (own, gained) = (process.own.above(known.own), process.reaped.above(known.reaped));
        // Counters do not go back; a table that says so is not believed.
        (known.own, known.reaped) = (known.own.most(process.own), known.reaped.most(process.reaped));
        let paid = gained.least(known.pending);
        let rest = gained.above(paid);
        known.pending = known.pending.above(paid);
        let heir = match known.heirs.len() {
            _ if known.slot.is_some() || known.owner != Owner::Overhead => known.heir(),
            0 => known.owner,
            1 => known.heirs.first().copied().unwrap_or(Owner::Unknown),
            _ => Owner::Unknown,
        };
        if !known.heirs.is_empty() || !known.pending.is_zero() {
            known.pending_age += 1;
            if !rest.is_zero() && known.pending.is_zero() || known.pending_age >= PENDING_TABLES {
                known.heirs.clear();
            }
            if known.pending_age >= PENDING_TABLES {
                self.forfeited += std::mem::take(&mut known.pending);
            }
        }
        let own_owner = if known.slot.is_some() { Owner::Overhead } else { known.owner };
        let mut unclaimed = Counters::default();
        match &mut known.slot {
            Some(slot) if slot.attempt.is_none() => slot.put_aside(rest),
            _ => unclaimed = rest,
        }
        for (owner, used, settled) in [(own_owner, own, false), (heir, unclaimed, true)] {
            if !used.is_zero() {
                self.book(Charge { owner, used, settled }, charges);
            }
        }
    }

    /// A charge for what a pool child runs waits there until that is known.
    fn book(&mut self, charge: Charge, charges: &mut Vec<Charge>) {
        if let Owner::Slot(id) = charge.owner
            && let Some(slot) = self.known.get_mut(&id).and_then(|known| known.slot.as_mut())
        {
            match slot.attempt {
                Some(number) => charges.push(Charge { owner: Owner::Attempt(number), ..charge }),
                None => slot.put_aside(charge.used),
            }
            return;
        }
        charges.push(charge);
    }

    /// How much the whole has grown since the last table: all counters of all processes, those of the gone that
    /// their reapers do not show yet, without what waits for its attempt.
    pub(crate) fn grown(&mut self) -> Counters {
        let sum = self
            .known
            .values()
            .fold(self.forfeited, |sum, known| sum + known.own + known.reaped + known.pending);
        let limbo = self
            .known
            .values()
            .filter_map(|known| known.slot.as_ref())
            .fold(Counters::default(), |sum, slot| sum + slot.limbo());
        let whole = sum.above(limbo);
        let grown = whole.above(self.whole);
        self.whole = self.whole.most(whole);
        grown
    }
}
