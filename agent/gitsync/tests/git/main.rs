//! Against repositories that real `git` makes and serves.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod network;
mod polling;
mod refusals;
mod repository;
mod trees;
