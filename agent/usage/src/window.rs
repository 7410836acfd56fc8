//! The current window: the rows that a worker always has, and how they become records.

use domain::UsageRecord;
use domain::usage::UsageKind;

use crate::rows::{Allotment, Row, Used, Writer};
use crate::table::Counters;
use crate::time::{Now, Timeline};

/// Windows end with the minute.
const WINDOW_MS: u64 = 60_000;

/// The rows of the worker itself in the current window.
#[derive(Debug, Clone)]
pub(crate) struct Window {
    pub(crate) timeline: Timeline,
    opened: Now,
    ends_mono_ms: u64,
    pub(crate) overhead: Row,
    /// Everything that was measured, whoever it was.
    pub(crate) whole: Used,
    idle_seq: u64,
    unattributed_seq: u64,
    worker_seq: u64,
    start: u64,
}

impl Window {
    /// A window that begins now; `seq` gives the next row number.
    pub(crate) fn open(timeline: Timeline, now: Now, seq: &mut u64) -> Self {
        let start = timeline.stamp(now);
        let mut next = || {
            *seq += 1;
            *seq
        };
        Self {
            timeline,
            opened: now,
            ends_mono_ms: now.mono_ms.saturating_add(WINDOW_MS - start % WINDOW_MS),
            worker_seq: next(),
            overhead: Row::new(next(), start),
            whole: Used::default(),
            idle_seq: next(),
            unattributed_seq: next(),
            start,
        }
    }

    /// Milliseconds until its end.
    pub(crate) fn left_ms(&self, now: Now) -> u64 {
        self.ends_mono_ms.saturating_sub(now.mono_ms)
    }

    /// Milliseconds since its begin.
    pub(crate) fn length_ms(&self, now: Now) -> u64 {
        now.mono_ms.saturating_sub(self.opened.mono_ms)
    }

    /// The worker's own rows beside those of `attempts`. The identity holds exactly, in integers, as long as not
    /// more was attributed than measured.
    pub(crate) fn records(
        &self,
        attempts: &[UsageRecord],
        writer: &Writer,
        allotment: Allotment,
        now: Now,
    ) -> Vec<UsageRecord> {
        let until = self.timeline.stamp(now);
        let overhead = self.overhead.record(writer, UsageKind::Overhead, until);
        let mut parts = Counters::default();
        let mut parts_byte_s = 0_u64;
        for record in attempts.iter().chain([&overhead]) {
            parts += Counters {
                user_ns: record.cpu_user_ns,
                system_ns: record.cpu_system_ns,
                read_bytes: record.io_read_bytes,
                write_bytes: record.io_write_bytes,
            };
            parts_byte_s = parts_byte_s.saturating_add(record.mem_byte_s);
        }
        let whole = self.whole;
        let row = |seq, used: Used| Row { seq, start: self.start, end: None, used };

        let mut unattributed = Used { counters: whole.counters.above(parts), ..Used::default() };
        // In sum, should one mode be above and the other below.
        let rest_ns = whole.counters.cpu_ns().saturating_sub(parts.cpu_ns());
        unattributed.counters.user_ns = unattributed.counters.user_ns.min(rest_ns);
        unattributed.counters.system_ns = rest_ns - unattributed.counters.user_ns;
        let whole_byte_s = whole.memory_byte_s();
        unattributed.memory_byte_ms = u128::from(whole_byte_s.saturating_sub(parts_byte_s)) * 1_000;

        let length_ms = self.length_ms(now);
        let allotted_ns = allotment.cpu_milli.saturating_mul(length_ms).saturating_mul(1_000);
        let allotted_byte_s = u128::from(allotment.memory_bytes) * u128::from(length_ms) / 1_000;
        let allotted_byte_s = u64::try_from(allotted_byte_s).unwrap_or(u64::MAX);
        let mut idle = Used::default();
        idle.counters.user_ns = allotted_ns.saturating_sub(whole.counters.cpu_ns());
        idle.memory_byte_ms = u128::from(allotted_byte_s.saturating_sub(whole_byte_s)) * 1_000;

        let mut worker = whole;
        worker.counters.user_ns = worker.counters.user_ns.saturating_add(idle.counters.user_ns);
        worker.memory_byte_ms = u128::from(whole_byte_s.max(allotted_byte_s)) * 1_000;
        let mut worker = row(self.worker_seq, worker).record(writer, UsageKind::Worker, until);
        worker.slots = allotment.slots;
        vec![
            worker,
            overhead,
            row(self.idle_seq, idle).record(writer, UsageKind::Idle, until),
            row(self.unattributed_seq, unattributed).record(writer, UsageKind::Unattributed, until),
        ]
    }
}
