//! Tests of the resolver through its public interface, over an index in memory.

#![expect(clippy::unwrap_used, reason = "clippy's exception for tests does not reach functions beside them")]

mod against_base;
mod explanations;
mod laws;
mod proposals;
mod scenarios;
mod world;
