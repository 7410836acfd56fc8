use std::io;

use super::ScriptFault;
use crate::path::PathFault;

/// Why a wheel is refused.
#[derive(Debug, thiserror::Error)]
pub enum WheelError {
    /// Not a readable zip archive, or one whose parts contradict each other.
    #[error("the wheel is not a sound zip archive")]
    Zip(#[source] zip::result::ZipError),
    /// Data before the archive: two programs would see two archives.
    #[error("the wheel has {size_bytes} bytes before its zip archive")]
    Prepended {
        /// Bytes before the archive.
        size_bytes: u64,
    },
    /// Data behind the archive: where one program stops reading, another may find more.
    #[error("the wheel has data behind its zip archive")]
    Appended,
    /// Content that is packed far denser than any real one.
    #[error("the wheel's {size_bytes} bytes are packed into {packed_bytes}: it is made to fill disks")]
    Bomb {
        /// Sum of the declared sizes.
        size_bytes: u64,
        /// Size of the archive.
        packed_bytes: u64,
    },
    /// More members than allowed.
    #[error("the wheel has {count} members, more than the {limit} allowed")]
    TooMany {
        /// Members found.
        count: u64,
        /// The bound.
        limit: u64,
    },
    /// More content than allowed.
    #[error("the wheel unpacks to {size_bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// Sum of the declared sizes.
        size_bytes: u64,
        /// The bound.
        limit: u64,
    },
    /// A member's path would escape or hide.
    #[error("the wheel's member {path:?} is refused")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        #[source]
        source: PathFault,
    },
    /// A symbolic link, a device or an encrypted member.
    #[error("the wheel's member {path:?} is not a plain file")]
    Special {
        /// The path.
        path: String,
    },
    /// A member would replace a file of the environment itself.
    #[error("the wheel's member {path:?} would replace a file that belongs to the environment")]
    Reserved {
        /// The path.
        path: String,
    },
    /// A `.data` folder that no installer knows.
    #[error("the wheel's member {path:?} is in an unknown .data scheme")]
    Scheme {
        /// The path.
        path: String,
    },
    /// Two members would be placed at the same path.
    #[error("two members of the wheel would be placed at {path:?}")]
    Collision {
        /// The path in the environment.
        path: String,
    },
    /// The file name is not a wheel's.
    #[error("{filename:?} is not a wheel's file name: expected name-version-python-abi-platform.whl")]
    Filename {
        /// The name.
        filename: String,
    },
    /// There is no `.dist-info` for the distribution that the file name states.
    #[error("the wheel has no .dist-info directory for {name:?}")]
    NoDistInfo {
        /// Normalised name.
        name: String,
    },
    /// Two `.dist-info` directories: which one counts?
    #[error("the wheel has two .dist-info directories, {first:?} and {second:?}")]
    TwoDistInfos {
        /// One.
        first: String,
        /// Another.
        second: String,
    },
    /// The file name, the `.dist-info` directory and METADATA speak of different distributions.
    #[error("the wheel's {place} says {found:?}, its file name {expected:?}")]
    Confused {
        /// `.dist-info directory`, `METADATA (Name)`, `METADATA (Version)`.
        place: &'static str,
        /// What it says.
        found: String,
        /// What the file name says.
        expected: String,
    },
    /// RECORD contradicts itself.
    #[error("the wheel's RECORD has two different rows for {path:?}")]
    RecordTwice {
        /// Path in the wheel.
        path: String,
    },
    /// RECORD uses a hash that proves nothing.
    #[error("the wheel's RECORD vouches for {path:?} with {algorithm:?}, which proves nothing")]
    WeakRecord {
        /// Path in the wheel.
        path: String,
        /// `md5`, `sha1` or something unknown.
        algorithm: String,
    },
    /// A file that every wheel has is missing.
    #[error("the wheel has no {file}")]
    Missing {
        /// `METADATA`, `WHEEL` or `RECORD`.
        file: &'static str,
    },
    /// A file that every wheel has is not readable text.
    #[error("the wheel's {file} is not readable")]
    Metadata {
        /// `METADATA`, `WHEEL`, `RECORD` or `entry_points.txt`.
        file: &'static str,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// A wheel format that this program does not know.
    #[error("the wheel has the format version {version:?}, expected 1.x")]
    FormatVersion {
        /// `Wheel-Version` as written.
        version: String,
    },
    /// The content is not what RECORD states.
    #[error("the wheel is broken: the {what} of {path:?} is not the one that its RECORD states")]
    Record {
        /// Path in the wheel.
        path: String,
        /// `hash` or `size`.
        what: &'static str,
    },
    /// An entry point that cannot become a script.
    #[error("the wheel's entry point {name:?} cannot become a script")]
    Script {
        /// Name of the entry point.
        name: String,
        /// What is wrong with it.
        #[source]
        source: ScriptFault,
    },
    /// A member cannot be read: broken compression, wrong checksum, more data than declared.
    #[error("the wheel's member {path:?} cannot be read")]
    Read {
        /// Path in the wheel.
        path: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// This machine could not keep the unpacked file.
    #[error("cannot write {path:?}")]
    Write {
        /// Path in the environment.
        path: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
}

impl WheelError {
    /// Whether another try on another disk may succeed; every other variant is the wheel's own fault.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Write { .. })
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Write { .. } => "free space on the staging disk, or choose another one",
            Self::TooMany { .. } | Self::TooLarge { .. } => "install it in the base image instead",
            _ => "the file is broken or unsafe: choose another version, or tell its maintainers",
        }
    }
}
