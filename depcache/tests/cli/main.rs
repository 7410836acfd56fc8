//! `depcache` as people run it: against a package index and stores on loopback, with real interpreters.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]
#![allow(clippy::case_sensitive_file_extension_comparisons, reason = "the names are the test's own")]

mod bad_input;
mod bad_store;
mod index_server;
mod publishing;
mod world;
