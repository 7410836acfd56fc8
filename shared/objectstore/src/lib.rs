//! One object store API over S3 and over a directory.
//!
//! Everything that Updraft shares goes through this: immutable objects are created with
//! [`Condition::Absent`], pointers are replaced with [`Condition::Matches`].
//!
//! Invariants, held by both backends and checked by one conformance suite (`tests/conformance.rs`):
//! - Of any number of concurrent [`Condition::Absent`] writers of a key exactly one is told `Written`.
//! - No [`Condition::Matches`] write is lost: whoever is told `Written` replaced the version it named.
//! - A reader sees an object whole, old or new, never in part; a crash leaves old or new.
//! - Keys are any text without control characters and without empty, `.` or `..` segments;
//!   `+ = :`, spaces and Unicode come back as they were written.
//! - [`Error::is_retryable`] and [`Error::hint`] decide by error type, status and code, never by text.
//!
//! A directory store keeps each object in the file of the same relative path, so that any copying tool
//! moves it to S3 and back. Therefore it cannot hold a key `co` beside `co/child` (S3 can).
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! use objectstore::{Condition, PutOutcome, Store};
//! let dir = tempfile::tempdir()?;
//! let store = Store::open(&format!("file://{}", dir.path().display())).await?;
//! let first = store.put("v1/refs/main.json", "1".into(), Condition::Absent).await?;
//! let PutOutcome::Written(etag) = first else { panic!("the store was empty") };
//! assert_eq!(store.put("v1/refs/main.json", "2".into(), Condition::Absent).await?, PutOutcome::Refused);
//! store.put("v1/refs/main.json", "2".into(), Condition::Matches(etag)).await?;
//! assert_eq!(store.get("v1/refs/main.json").await?.unwrap().bytes, "2");
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod directory;
mod error;
mod key;
mod object;
mod s3;
mod store;
mod temp_file;

pub use error::{Cause, Error, Step};
pub use object::{Condition, ETag, Fetched, Listed, Meta, Object, PutOutcome};
pub use store::Store;

/// Files above this are uploaded to S3 in parts: below it one request is faster and cheaper.
pub const MULTIPART_THRESHOLD_BYTES: u64 = 16 << 20;

/// A listing longer than this is refused rather than held in memory.
pub const LIST_LIMIT_KEYS: usize = 1_000_000;

/// Whole-object reads into memory refuse more than this; larger objects go to files.
pub const GET_LIMIT_BYTES: u64 = 256 << 20;
