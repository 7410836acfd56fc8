//! Wheels and index answers made to break out, to fill memory and disk, or to pass for something else. Each is given
//! to the real program: it must be refused in words, publish nothing, and write nothing beside its own directories.

#![allow(dead_code, reason = "the server and the world of the other tests have more than is used here")]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod answers;
mod archive;
mod archives;
mod bounds;
mod identities;
#[path = "../cli/index_server.rs"]
mod index_server;
mod sdists;
mod server;
mod wheels;
#[path = "../cli/world.rs"]
mod world;
