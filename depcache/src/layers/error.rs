use std::io;
use std::path::PathBuf;

use depcache_layer::{PackError, TocError, WheelError};
use domain::canonical::CanonicalError;

/// Why a wheel did not become a layer.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The wheel is broken or unsafe, or could not be unpacked.
    #[error("{filename} cannot become a layer")]
    Wheel {
        /// The wheel's file name.
        filename: String,
        /// Cause.
        #[source]
        source: WheelError,
    },
    /// The wheel's files could not be packed.
    #[error("{filename} cannot be packed")]
    Pack {
        /// The wheel's file name.
        filename: String,
        /// Cause.
        #[source]
        source: PackError,
    },
    /// The table of contents could not be written.
    #[error("the table of contents of {filename} cannot be written")]
    Toc {
        /// The wheel's file name.
        filename: String,
        /// Cause.
        #[source]
        source: TocError,
    },
    /// A file of this machine could not be read or written.
    #[error("cannot use {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The base has no identity.
    #[error("the base has no identity")]
    Base(#[source] CanonicalError),
    /// The base's interpreter does not start, or ended.
    #[error("the interpreter {executable} cannot compile bytecode")]
    Interpreter {
        /// Path of the interpreter.
        executable: String,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The interpreter is not the one that the base describes.
    #[error(
        "the interpreter {executable} writes bytecode with magic number {found}, the base has {expected}"
    )]
    Magic {
        /// Path of the interpreter.
        executable: String,
        /// What it writes.
        found: u32,
        /// What the base says.
        expected: u32,
    },
    /// One file took too long.
    #[error("compiling {path} took more than {limit_s} s")]
    CompileTimeout {
        /// Path in the layer.
        path: String,
        /// The bound.
        limit_s: u64,
    },
    /// The interpreter crashed over a file.
    #[error("the interpreter crashed while compiling {path}")]
    CompileCrash {
        /// Path in the layer.
        path: String,
    },
}

impl LayerError {
    /// Whether the same wheel may succeed at another time or on another machine.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Wheel { source, .. } => source.is_retryable(),
            Self::Pack { source, .. } => matches!(source, PackError::Read { .. } | PackError::Write(_)),
            Self::File { .. } | Self::Interpreter { .. } | Self::CompileTimeout { .. } => true,
            Self::Toc { .. } | Self::Base(_) | Self::Magic { .. } | Self::CompileCrash { .. } => false,
        }
    }

    /// What to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Wheel { source, .. } => source.hint(),
            Self::Pack { .. } | Self::Toc { .. } | Self::File { .. } => {
                "check the staging disk's space and rights"
            }
            Self::Base(_) | Self::Magic { .. } => "describe the base again: its image changed",
            Self::Interpreter { .. } => "check that the base's interpreter runs on this machine",
            Self::CompileTimeout { .. } => {
                "give the build more processor time, or install the package in the base image"
            }
            Self::CompileCrash { .. } => "install the package in the base image, or choose another version",
        }
    }
}
