//! Kinds of usage as numbers of the tables.

use domain::usage::UsageKind;

const KINDS: [UsageKind; 7] = [
    UsageKind::Task,
    UsageKind::Callback,
    UsageKind::Overhead,
    UsageKind::Idle,
    UsageKind::Orphan,
    UsageKind::Unattributed,
    UsageKind::Worker,
];

/// The kinds that belong to a DAG, as SQL.
pub(super) const ATTRIBUTED: &str = "(0, 1, 4)";
/// Tasks.
pub(super) const TASK: i64 = 0;

pub(super) fn number(kind: UsageKind) -> i64 {
    KINDS.iter().position(|known| *known == kind).and_then(|at| i64::try_from(at).ok()).unwrap_or(-1)
}

pub(super) fn kind(number: i64) -> UsageKind {
    usize::try_from(number).ok().and_then(|at| KINDS.get(at).copied()).unwrap_or(UsageKind::Unattributed)
}
