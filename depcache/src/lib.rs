//! From a `requirements.txt` to a ready environment.
//!
//! A [`session::Session`] is a base with index settings and a cache. It expands requirements files and resolves
//! them; [`lock::Lock`] says exactly which files the answer consists of; [`build::build`] turns a lock into
//! layers, proves that what was requested imports, and publishes; [`environment::fetch`] makes it usable.
//!
//! Invariants:
//! - The same requirements, base, indexes and cut-off have the same request id on any machine; a request that was
//!   answered once keeps its answer.
//! - A file is used only with the hash that the lock names, and its METADATA must be what was resolved with.
//! - Pointers are written last: whatever fails before leaves objects that nothing points to.
//! - Code of packages runs without the caller's environment variables; secrets are in no message, lock or id.
//!
//! ```
//! use depcache::lock::Lock;
//! let text = r#"
//! lock-version = "1.0"
//! created-by = "updraft"
//! requires-python = "==3.11.*"
//! [tool.updraft]
//! base-id = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
//! target-id = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
//! mode = "task"
//! requested = []
//! "#;
//! let lock = Lock::from_toml(text)?;
//! assert_eq!(Lock::from_toml(&lock.to_toml())?.id()?, lock.id()?);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod base;
pub mod blocking;
pub mod build;
pub mod direct;
pub mod environment;
pub mod export;
pub mod facts;
pub mod index;
pub mod layers;
pub mod lock;
pub mod options;
pub mod progress;
mod propose;
pub mod session;
pub mod source;
pub mod verify;
