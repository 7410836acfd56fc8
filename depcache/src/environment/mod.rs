//! Environments: what is in one ([`plan`]), a venv root on disk ([`compose`]), from the store ([`fetch`]).
//!
//! - One site-packages directory holds the layers' files and links to the base's unshadowed entries; a directory with
//!   one owner is one link, a shared one is real. A shadowed distribution is absent.
//! - What exists under its final name is complete: everything is made under a temporary name and renamed.
//! - A finished environment is never changed, and not removed while somebody holds it ([`hold()`]).
//!
//! ```no_run
//! # async fn example(base: domain::BaseRecord, env_id: domain::EnvId) -> Result<(), Box<dyn std::error::Error>> {
//! let store = objectstore::Store::open("file:///srv/updraft").await?;
//! let fetched = depcache::environment::fetch(&store, env_id, &base, "/var/lib/updraft".as_ref()).await?;
//! let python = fetched.path.join("bin/python");
//! # Ok(())
//! # }
//! ```

mod base_files;
mod boot;
mod compose;
mod error;
mod fetch;
mod hold;
mod links;
mod making;
mod prune;
mod tree;
mod volume_layer;

pub use base_files::BaseFiles;
pub use compose::compose;
pub use error::EnvironmentError;
pub use fetch::{Fetched, Way, fetch};
pub use hold::{Hold, hold};
pub use prune::{Bounds, Pruned, prune, size_bytes, sweep};
pub use tree::plan;
