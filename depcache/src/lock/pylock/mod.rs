//! PEP 751 text of a lock: written with stable bytes, read with every field checked.

mod check;
mod document;
mod error;
mod read;
mod write;

pub use error::PylockError;

/// The version of the format that is read and written.
const LOCK_VERSION: &str = "1.0";

#[cfg(test)]
mod laws;
#[cfg(test)]
mod tests;
