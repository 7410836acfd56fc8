//! Does it add up? `worker = task + callback + orphan + overhead + idle + unattributed`, per worker.

use std::collections::BTreeMap;

use domain::usage::UsageKind;

use crate::{Quantities, Rollup};

/// Errors above this are shown loudly: 0.1 %.
pub const IDENTITY_LIMIT_PPM: u64 = 1_000;

/// One resource of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Balance {
    /// What the worker had, or was measured to use when that is more.
    pub whole: i128,
    /// The sum of its parts.
    pub parts: i128,
    /// Of the parts, what belongs to nobody.
    pub unattributed: i128,
}

impl Balance {
    /// `|whole − parts|` in parts per million of the whole; a million when there are parts of nothing.
    pub fn error_ppm(&self) -> u64 {
        ppm((self.whole - self.parts).abs(), self.whole)
    }

    /// The unattributed remainder in parts per million of the whole.
    pub fn unattributed_ppm(&self) -> u64 {
        ppm(self.unattributed, self.whole)
    }

    fn add(&mut self, kind: UsageKind, amount: i128) {
        match kind {
            UsageKind::Worker => self.whole += amount,
            UsageKind::Unattributed => {
                self.parts += amount;
                self.unattributed += amount;
            }
            _ => self.parts += amount,
        }
    }

    fn merge(&mut self, other: Self) {
        self.whole += other.whole;
        self.parts += other.parts;
        self.unattributed += other.unattributed;
    }
}

fn ppm(part: i128, whole: i128) -> u64 {
    let ppm = match (part, whole) {
        (0, _) => 0,
        (_, 0) => 1_000_000,
        // Rounded up: an error is never shown as none.
        _ => (part.saturating_mul(1_000_000) + whole - 1) / whole,
    };
    u64::try_from(ppm).unwrap_or(u64::MAX)
}

/// One worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerBalance {
    /// Its name.
    pub worker: String,
    /// Nanoseconds of CPU.
    pub cpu: Balance,
    /// Byte-seconds of memory.
    pub memory: Balance,
}

impl WorkerBalance {
    /// The greater error of the two resources.
    pub fn error_ppm(&self) -> u64 {
        self.cpu.error_ppm().max(self.memory.error_ppm())
    }
}

/// The identity of every worker, worst first, and of all together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// By worker, greatest error first.
    pub workers: Vec<WorkerBalance>,
    /// CPU of all.
    pub cpu: Balance,
    /// Memory of all.
    pub memory: Balance,
}

impl Identity {
    /// From what each worker used, kind by kind.
    pub fn of(rows: impl IntoIterator<Item = (String, UsageKind, Quantities)>) -> Self {
        let mut workers: BTreeMap<String, WorkerBalance> = BTreeMap::new();
        for (worker, kind, quantities) in rows {
            let balance = workers.entry(worker).or_insert_with_key(|worker| WorkerBalance {
                worker: worker.clone(),
                cpu: Balance::default(),
                memory: Balance::default(),
            });
            balance.cpu.add(kind, quantities.cpu_ns);
            balance.memory.add(kind, quantities.mem_byte_s);
        }
        let mut identity = Self { workers: workers.into_values().collect(), ..Self::default() };
        for balance in &identity.workers {
            identity.cpu.merge(balance.cpu);
            identity.memory.merge(balance.memory);
        }
        identity.workers.sort_by_key(|balance| std::cmp::Reverse(balance.error_ppm()));
        identity
    }

    /// The greatest error of any worker.
    pub fn worst_ppm(&self) -> u64 {
        self.workers.iter().map(WorkerBalance::error_ppm).max().unwrap_or(0)
    }

    /// Whether every worker is within [`IDENTITY_LIMIT_PPM`].
    pub fn holds(&self) -> bool {
        self.worst_ppm() <= IDENTITY_LIMIT_PPM
    }
}

impl Rollup {
    /// The identity of everything that was added.
    pub fn identity(&self) -> Identity {
        let text = |name| self.names.text(name).to_owned();
        Identity::of(self.workers.iter().map(|(key, quantities)| (text(key.worker), key.kind, *quantities)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cpu(cpu_ns: i128) -> Quantities {
        Quantities { cpu_ns, ..Quantities::default() }
    }

    #[test]
    fn an_error_shows_and_the_worst_worker_is_first() {
        let identity = Identity::of([
            ("a".to_owned(), UsageKind::Worker, cpu(1_000_000)),
            ("a".to_owned(), UsageKind::Task, cpu(600_000)),
            ("a".to_owned(), UsageKind::Idle, cpu(399_990)),
            ("a".to_owned(), UsageKind::Unattributed, cpu(10)),
            ("b".to_owned(), UsageKind::Worker, cpu(1_000_000)),
            ("b".to_owned(), UsageKind::Task, cpu(1_002_000)),
        ]);
        let of = |at: usize| (identity.workers[at].worker.as_str(), identity.workers[at].error_ppm());
        assert_eq!([of(0), of(1)], [("b", 2_000), ("a", 0)]);
        assert_eq!(identity.cpu.unattributed_ppm(), 5);
        assert!(!identity.holds());
    }

    #[test]
    fn parts_of_no_worker_are_an_error() {
        let identity = Identity::of([("a".to_owned(), UsageKind::Orphan, cpu(1))]);
        assert_eq!(identity.worst_ppm(), 1_000_000);
        assert!(Identity::default().holds());
    }
}
