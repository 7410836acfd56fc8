//! Source trees: metadata and wheels of source distributions, checkouts and directories (PEP 517, 518, 621, 643, 660's
//! editable installs excepted).
//!
//! A [`Frontend`] answers for one base: [`Frontend::metadata`] reads what stands in the sources and builds only when
//! nothing does; [`Frontend::wheel`] builds. A [`Source`] says what; [`Frontend::sdist`] makes one of a file of the index.
//!
//! Invariants:
//! - What a tree brings runs only in a build environment that this crate composed from layers, without the caller's
//!   variables, without network, with the cache read-only, within [`BuildLimits`]. Where the kernel gives no such fence,
//!   nothing runs unless [`SandboxRule::IfPossible`] says so.
//! - A wheel is used only when its name, version and tags are what was asked for, and its metadata what the sources
//!   promised.
//! - Wheels are kept by content: the tree, the target, the lock of the build environment and the compiler's variables.
//!   Of several processes one builds. What a killed one leaves is never taken for a wheel.
//!
//! ```no_run
//! # async fn example(session: depcache::session::Session, index: depcache::index::Index)
//! # -> Result<(), depcache::source::SourceError> {
//! use depcache::source::{Frontend, Source, Tree};
//! let frontend = Frontend::new(&session, &index);
//! let tree = Tree::Directory { path: "plugins/reports".into(), identity: None, subdirectory: None };
//! let source = Source { label: "./plugins/reports".into(), name: None, version: None, tree };
//! let known = frontend.metadata(&source).await?;
//! let wheel = frontend.wheel(&source).await?;
//! assert_eq!(known.digest(), wheel.known.digest());
//! # Ok(())
//! # }
//! ```

#![allow(
    clippy::result_large_err,
    reason = "one error ends a whole build; a box would only blur its match arms"
)]

mod advice;
mod check;
mod environment;
mod error;
mod frontend;
mod hook;
mod known;
mod pyproject;
mod rules;
mod sandbox;
mod shelf;
mod statics;
mod tree;
mod unpack;

pub use error::{Limit, LogEnd, SourceError};
pub use frontend::{BuiltWheel, Frontend};
pub use known::{Known, Origin, metadata_digest};
pub use rules::{BuildLimits, BuildRules, SandboxRule};
pub(crate) use tree::directory_digest;
pub use tree::{Source, Tree};
pub use unpack::UnpackError;

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use domain::Digest;
use sha2::{Digest as _, Sha256};

/// Bytes of a text file of a tree that is read; real ones are below 1 MB.
const TEXT_BYTES: u64 = 16 << 20;

/// A small text file; absent when there is none, an error when it is too large or no UTF-8.
fn bounded_text(path: &Path) -> io::Result<Option<String>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    depcache_layer::Capped::new(file, TEXT_BYTES).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// sha256 of a file. Blocking.
pub(crate) fn file_digest(path: &Path) -> io::Result<Digest> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok(Digest::from_bytes(hash.finalize().into()));
        }
        hash.update(&piece[..count]);
    }
}
