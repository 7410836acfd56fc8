//! Git for `updraft-agent sync`: a bare mirror of one repository, polled cheaply, read as trees.
//!
//! Invariants:
//! - The remote and any working tree are only read. The mirror is this crate's own folder; it may be
//!   deleted at any time and is filled again by the next [`Mirror::poll`].
//! - A poll asks the server for one ref and fetches only when its commit is not here yet, and then
//!   only that commit (depth 1).
//! - A tree is accepted as a whole or refused as a whole: submodules, paths that are not UTF-8 and
//!   links that leave the tree are named in the error.
//! - The same commit gives the same tar bytes on every machine.
//! - Time, bytes and numbers of files are bounded by named constants ([`Limits`] where a setting may).
//!
//! ```
//! use agent_gitsync::{Limits, Mirror, Remote};
//! # let dir = tempfile::tempdir()?;
//! # let git = |args: &[&str]| {
//! #     let done = std::process::Command::new("git").current_dir(dir.path()).args(args).output();
//! #     assert!(done.is_ok_and(|done| done.status.success()), "{args:?}");
//! # };
//! # git(&["init", "--quiet", "--initial-branch=main", "dags"]);
//! # std::fs::write(dir.path().join("dags/hello.py"), "print('hello')\n")?;
//! # git(&["-C", "dags", "add", "."]);
//! # git(&["-C", "dags", "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "--quiet", "-m", "first"]);
//! let remote = Remote::new(dir.path().join("dags").display().to_string());
//! let mirror = Mirror::open(&dir.path().join("mirror"), remote, Limits::default())?;
//! let commit = mirror.poll("main")?;
//! let tree = mirror.tree(&commit)?;
//! assert_eq!(tree.files()[0].path, "hello.py");
//! let mut tar = Vec::new();
//! let packed = tree.tar(&mut tar)?;
//! assert_eq!(packed.tree_digest, domain::Digest::of(&tar));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod commit;
mod error;
mod links;
mod mirror;
mod remote;
mod tar;
mod tree;
mod watchdog;

pub use commit::{Commit, CommitId, CommitIdError};
pub use error::{Error, Problem};
pub use mirror::{Limits, Mirror};
pub use remote::{Login, Remote};
pub use tar::{Packed, PackedFile};
pub use tree::{File, Kind, Tree};
