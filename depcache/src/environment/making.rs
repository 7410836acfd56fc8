//! What is being made has a name of its own and a lock, so that nobody takes it for finished or sweeps it.

use std::fs::File;
use std::io;
use std::path::Path;

/// Environments and layers that are being made; never a digest, so never taken for one.
pub(super) const TEMPORARY: &str = ".making-";

/// Locks what is being made, so that nobody sweeps it.
pub(super) fn mark_making(path: &Path) -> io::Result<File> {
    let directory = File::open(path)?;
    directory.lock_shared()?;
    Ok(directory)
}
