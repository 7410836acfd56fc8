//! From a `requirements.txt` to a ready environment.
#![allow(missing_docs)]
pub mod base;
pub mod facts;
pub mod index;
