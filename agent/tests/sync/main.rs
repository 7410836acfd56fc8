//! `sync` with real git, a real store, a real build and real interpreters.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod airflow;
mod following;
mod nudging;
mod world;
