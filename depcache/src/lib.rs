//! Placeholder while the crate is being built.
pub mod environment;
pub mod layers;
