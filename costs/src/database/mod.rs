//! Rollups in SQLite: what the dashboard and the API ask.
//!
//! One writer ([`Writer`]), any number of readers ([`Reader`]), WAL. Each change is one transaction: a file's rows
//! count once together with the note that the file was taken.

mod error;
mod kinds;
mod live;
mod merge;
mod open;
pub mod queries;
mod reader;
mod writer;

pub use error::DatabaseError;
pub use reader::Reader;
pub use writer::{Acknowledged, Writer};

/// Version of the tables; another one is dropped and built again from the store.
const SCHEMA: u32 = 1;
