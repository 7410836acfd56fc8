//! `depcache` as people run it: against a package index and stores on loopback, with real interpreters.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod bad_input;
mod bad_store;
mod exports;
mod index_server;
mod lock_peers;
mod locks;
mod publishing;
mod reasons;
mod world;
