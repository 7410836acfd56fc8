//! Resolution scenarios through the real command line, against an index on loopback that serves real files.
//!
//! `uv_suite`: the scenarios of uv's authors, read beside the checkout. `own`: scenarios of ours, in the same schema
//! with more fields (`own/*.toml`). `conflicts`: what people read when nothing fits (`conflicts/*.toml`).
//! `backtracking`: what a hard search may cost.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod backtracking;
mod conflicts;
mod files;
mod index;
mod own;
mod relock;
mod run;
mod schema;
mod uv_suite;
