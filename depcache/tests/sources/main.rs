//! Source distributions through the real `depcache`: what is read, what is built, what is refused and stopped.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod backends;
mod fences;
#[path = "../cli/index_server.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod index_server;
mod interrupted;
mod refusals;
mod reuse;
mod sdist;
mod world;
