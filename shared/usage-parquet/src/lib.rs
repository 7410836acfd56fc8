//! Usage records as Parquet files.
//!
//! Columns carry exactly the names of [`domain::UsageRecord`]'s fields, so that any reader of Parquet (Trino, Spark,
//! DuckDB, pandas) can query the store by hand. One row group a file, zstd.
//!
//! Invariants:
//! - What is encoded is decoded to the same rows; unsigned columns are annotated as such.
//! - A file of an older or newer schema is refused by name, never read half.
//!
//! ```
//! assert_eq!(usage_parquet::decode(usage_parquet::encode(&[])?)?, []);
//! assert_eq!(
//!     usage_parquet::key(1_795_000_000_000, "worker-1", 9)?,
//!     "usage/v1/dt=2026-11-18/hour=11/worker-1-9.parquet"
//! );
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod columns;
mod read;
mod write;

pub use read::{DecodeError, decode};
pub use write::{EncodeError, encode};

/// A time before the year -9999 or after 9999.
#[derive(Debug, thiserror::Error)]
#[error("{window_start_ms} ms is no time that a calendar knows")]
pub struct KeyError {
    window_start_ms: u64,
    source: jiff::Error,
}

/// Where a file goes whose first row begins at `window_start_ms` (Unix milliseconds) and has `first_seq`.
pub fn key(window_start_ms: u64, writer: &str, first_seq: u64) -> Result<String, KeyError> {
    let failed = |source| KeyError { window_start_ms, source };
    let at = jiff::Timestamp::from_millisecond(i64::try_from(window_start_ms).unwrap_or(i64::MAX))
        .map_err(failed)?;
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    Ok(domain::keys::usage(&at.date().to_string(), at.hour().unsigned_abs(), writer, first_seq))
}
