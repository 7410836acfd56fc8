//! `sync` with real git, a real store, a real build and real interpreters.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a skipped test says so")]
#![allow(clippy::large_futures, reason = "a test holds few of them")]

mod airflow;
mod following;
mod nudging;
mod world;
