//! Rows that no machine can have measured are refused: one of them would spoil every sum.

use domain::UsageRecord;
use domain::usage::SCHEMA;

/// Longest window; rows are of a minute, clocks jump.
const MAX_WINDOW_MS: u64 = 24 * 3_600_000;
/// A minute of 16,000 cores, and more than any worker's day.
const MAX_CPU_NS: u64 = 1 << 50;
/// A minute of a PiB.
const MAX_MEM_BYTE_S: u64 = 1 << 56;
const MAX_BYTES: u64 = 1 << 50;
const MAX_SLOTS: u32 = 1 << 16;
/// The year 2100; window and hour arithmetic stays far from its bounds.
const MAX_TIME_MS: u64 = 4_102_444_800_000;
/// Longest text: Airflow's own limit of ids is 250.
const MAX_TEXT_BYTES: usize = 1_024;

/// A row is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// Another schema.
    #[error("row {seq} of {writer} has schema {found}; this version reads {SCHEMA}")]
    Schema {
        /// Its writer.
        writer: String,
        /// Its number.
        seq: u64,
        /// Its schema.
        found: u32,
    },
    /// A value that cannot be.
    #[error("row {seq} of {writer}: {field} is implausible")]
    Implausible {
        /// Its writer.
        writer: String,
        /// Its number.
        seq: u64,
        /// The field.
        field: &'static str,
    },
}

pub(super) fn check(row: &UsageRecord) -> Result<(), RowError> {
    if row.schema != SCHEMA {
        return Err(RowError::Schema { writer: row.writer.clone(), seq: row.seq, found: row.schema });
    }
    let ids =
        [&row.writer, &row.worker, &row.pool, &row.queue, &row.dag_id, &row.task_id, &row.run_id, &row.state];
    let tests = [
        ("window_end", row.window_end < row.window_start || row.window_end > MAX_TIME_MS),
        ("window_start", row.window_end.saturating_sub(row.window_start) > MAX_WINDOW_MS),
        ("cpu_user_ns", row.cpu_user_ns > MAX_CPU_NS),
        ("cpu_system_ns", row.cpu_system_ns > MAX_CPU_NS),
        ("mem_byte_s", row.mem_byte_s > MAX_MEM_BYTE_S),
        ("io_read_bytes", row.io_read_bytes > MAX_BYTES),
        ("io_write_bytes", row.io_write_bytes > MAX_BYTES),
        ("log_bytes", row.log_bytes > MAX_BYTES),
        ("slots", row.slots > MAX_SLOTS),
        ("a text", ids.iter().any(|text| text.len() > MAX_TEXT_BYTES)),
    ];
    match tests.iter().find(|(_, wrong)| *wrong) {
        None => Ok(()),
        Some((field, _)) => Err(RowError::Implausible { writer: row.writer.clone(), seq: row.seq, field }),
    }
}
