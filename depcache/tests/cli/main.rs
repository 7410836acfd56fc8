//! `depcache` as people run it: against a package index and stores on loopback, with real interpreters.

mod bad_input;
mod bad_store;
mod index_server;
mod publishing;
mod world;
