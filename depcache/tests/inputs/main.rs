//! What users hand in, through the real `depcache`: places, repositories, projects, files at addresses.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod addresses;
#[path = "../cli/index_server.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod index_server;
mod places;
mod project;
mod projects;
mod repositories;
#[path = "../cli/world.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line, which use all of it")]
mod world;
