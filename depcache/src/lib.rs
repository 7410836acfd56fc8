//! From a `requirements.txt` to a ready environment.
#![allow(missing_docs)]
pub mod base;
pub mod build;
pub mod environment;
pub mod facts;
pub mod index;
pub mod layers;
pub mod lock;
pub mod progress;
mod propose;
pub mod session;
pub mod verify;
