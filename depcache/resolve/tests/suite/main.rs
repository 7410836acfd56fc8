//! Tests of the resolver through its public interface, over an index in memory.

mod against_base;
mod explanations;
mod laws;
mod proposals;
mod scenarios;
mod world;
