//! What outlives the agent: saved every few seconds, closed or continued by the next agent.

use std::collections::{BTreeMap, BTreeSet};

use domain::UsageRecord;
use serde::{Deserialize, Serialize};

use crate::attempts::{Attempts, Ended};
use crate::ledger::Ledger;
use crate::meter::{LOST, Meter};
use crate::rows::{Allotment, Writer};
use crate::table::{ProcessId, Table};
use crate::time::Now;

/// Version of [`Saved`].
pub const SAVED_SCHEMA: u32 = 1;

/// A meter at one moment, with the rows of its open window.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Saved {
    schema: u32,
    /// The boot that process ids and times belong to.
    boot_id: String,
    uptime_ms: u64,
    rows: Vec<UsageRecord>,
    /// The attempts of rows, by the rows' numbers.
    attempts_of_rows: BTreeMap<u64, u64>,
    ledger: Ledger,
    attempts: Attempts,
}

impl Saved {
    /// This version understands it.
    pub fn is_known(&self) -> bool {
        self.schema == SAVED_SCHEMA
    }

    /// Processes that the table for [`Meter::restore`] must hold.
    pub fn follow(&self) -> Vec<ProcessId> {
        self.ledger.known.keys().copied().collect()
    }
}

impl Meter {
    /// The meter as it is. `uptime_ms`: since boot, on the clock of processes' starts.
    pub fn save(&self, boot_id: &str, uptime_ms: u64, now: Now) -> Saved {
        let attempts = self.attempts.by_number.iter();
        let rows = attempts.flat_map(|(number, attempt)| {
            let rows = [attempt.row, attempt.orphan_row].into_iter().flatten();
            rows.map(|row| (row.seq, *number))
        });
        Saved {
            schema: SAVED_SCHEMA,
            boot_id: boot_id.to_owned(),
            uptime_ms,
            attempts_of_rows: rows.collect(),
            rows: self.rows(now),
            ledger: self.ledger.clone(),
            attempts: self.attempts.clone(),
        }
    }

    /// Goes on where an agent stopped that did not end by itself. Answers the rows of its open window: as it saved
    /// them, with state `lost` for attempts that are not there any more. What lives on is followed further; its use
    /// since then is in the first rows of this meter.
    ///
    /// `mono_ms` of both agents' times count from the same boot.
    pub fn restore(
        saved: Saved,
        boot_id: &str,
        table: &Table,
        fresh: (Writer, Allotment, u64),
        now: Now,
    ) -> (Self, Vec<UsageRecord>) {
        let (writer, allotment, stuck_after_ms) = fresh;
        let mut meter = Self::new(writer, allotment, stuck_after_ms, now);
        let (mut ledger, mut attempts) = (saved.ledger, saved.attempts);
        let alive: BTreeSet<ProcessId> =
            table.processes.iter().filter(|process| !process.ended).map(|process| process.id).collect();
        let same_boot = saved.boot_id == boot_id;
        let living = if same_boot { ledger.living(&attempts, &alive) } else { BTreeSet::new() };
        let mut lost = BTreeSet::new();
        for (number, attempt) in &mut attempts.by_number {
            if !attempt.is_over() && !living.contains(number) {
                lost.insert(*number);
                attempt.ended = Some(Ended { state: LOST.to_owned(), at: now });
            }
        }
        let mut rows = saved.rows;
        for row in &mut rows {
            if saved.attempts_of_rows.get(&row.seq).is_some_and(|number| lost.contains(number)) {
                LOST.clone_into(&mut row.state);
            }
        }
        if same_boot {
            for number in lost {
                ledger.release(number);
            }
            ledger.resume(saved.uptime_ms, &alive);
            meter.ledger = ledger;
            meter.attempts = attempts;
            let running = meter.attempts.by_number.iter().filter(|(_, attempt)| !attempt.is_over());
            let running: Vec<u64> = running.map(|(number, _)| *number).collect();
            for number in running {
                meter.open_row(number, now);
            }
        }
        (meter, rows)
    }
}

impl Ledger {
    /// Attempts whose worker is alive, with the pool child that ran them where that was known. Those that ended
    /// meanwhile are among them: the worker's log says how.
    fn living(&self, attempts: &Attempts, alive: &BTreeSet<ProcessId>) -> BTreeSet<u64> {
        let slots: BTreeMap<u64, bool> = self
            .known
            .iter()
            .filter_map(|(id, known)| {
                let works = alive.contains(id) && known.parent.is_some_and(|id| alive.contains(&id));
                Some((known.slot.as_ref()?.attempt?, works))
            })
            .collect();
        let lives = |number: &u64, root: Option<u32>| {
            slots.get(number).copied().unwrap_or_else(|| alive.iter().any(|id| Some(id.pid) == root))
        };
        let all = attempts.by_number.iter();
        all.filter(|(number, attempt)| lives(number, attempt.root)).map(|(number, _)| *number).collect()
    }
}
