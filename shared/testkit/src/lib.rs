//! What tests and the local bring-up start: real servers on loopback, and a way to wait for them.
//!
//! Invariants:
//! - Nothing here is a mock: [`s3`] speaks S3 over HTTP with signatures, [`redis`] is redis-server.
//! - Each server has its own free port and directory, and is ended by its owner's drop (by pid).
//! - Failures panic with a sentence that says what to do: the callers are tests.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! # runtime.block_on(async {
//! let dir = tempfile::tempdir()?;
//! let s3 = testkit::s3::Server::start(dir.path()).await;
//! s3.create_bucket("updraft");
//! testkit::wait_for(std::time::Duration::from_secs(5), "the port is open", || {
//!     std::net::TcpStream::connect(("127.0.0.1", s3.port())).map_err(|error| error.to_string())
//! });
//! # Ok::<(), std::io::Error>(()) })?;
//! # Ok::<(), std::io::Error>(())
//! ```

pub mod redis;
pub mod s3;
mod wait;

pub use wait::{free_port, wait_for, wait_for_async};
