//! The layer format: a wheel as one deterministic tar, stored as zstd frames with a table of contents.
//!
//! Works over `Read`, `Write` and a staging directory; knows no network, no clock and no interpreter
//! (bytecode is compiled by the caller between [`Wheel::stage`] and [`Staging::finish`]).
//!
//! Invariants:
//! - The same wheel, layout and bytecode give the same tar, whatever the order inside the zip. The tar's bytes are
//!   written here, not by a library, and pinned by a golden digest.
//! - Nothing is read beyond what was declared ([`Capped`]); nothing is written outside the given directory.
//! - The unpacker writes what the table of contents says and nothing else; every frame and every file is verified
//!   before [`unpack`] succeeds.
//!
//! ```
//! use depcache_layer::{Content, Member, NoContents, Origin, decode_toc, encode_toc, pack, unpack};
//! let directory = tempfile::tempdir()?;
//! let link = Member { path: "lib/b".into(), content: Content::Symlink { target: "a".into() } };
//! let packed = pack(&[link], &NoContents, &Origin::new("demo", "1.0", "lib"), Vec::new())?;
//! let (stored, digest) = encode_toc(&packed.toc)?;
//! unpack(&packed.out[..], &decode_toc(&stored, &digest)?, directory.path())?;
//! assert!(directory.path().join("lib/b").is_symlink());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod capped;
mod elf;
mod frames;
mod pack;
mod path;
mod staging;
mod tar_format;
mod toc;
mod unpack;
mod wheel;

pub use capped::{Capped, MoreThanDeclared};
pub use frames::{LEVEL, seek_frames, seek_table_bytes};
pub use pack::{Content, Contents, Member, NoContents, Origin, PackError, Packed, pack};
pub use path::{MAX_PATH_BYTES, PathFault, check_path};
pub use staging::Staging;
pub use tar_format::MAX_FILE_BYTES;
pub use toc::{MAX_TOC_BYTES, TocError, check as check_toc, decode_toc, encode_toc};
pub use unpack::{UnpackError, first_difference, unpack};
pub use wheel::{
    EntryPoints, Layout, Limits, RecordRow, SHEBANG, ScriptFault, Wheel, WheelError, parse_entry_points,
    parse_record, record_hash, relocate_script,
};
