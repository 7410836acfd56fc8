//! Tests of the resolver through its public interface, over an index in memory.

mod scenarios;
mod world;
