//! What this boot wrote, and what an earlier one may have left half on disk.
//!
//! Flushing tens of thousands of small files before the first task may start costs seconds, and protects only
//! against a crash of the whole machine: after any other death the page cache is coherent. So nothing is flushed;
//! everything carries the boot it was made in, and what an earlier boot made is verified before it is used.

use std::fs;
use std::io;
use std::path::Path;

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// Identity of the running kernel. Where it cannot be read every boot looks alike.
fn current() -> String {
    fs::read_to_string(BOOT_ID).map_or_else(|_| "unknown".into(), |id| id.trim().to_owned())
}

/// Marks what was made.
pub(super) fn mark(marker: &Path) -> io::Result<()> {
    fs::write(marker, current())
}

/// Whether the thing with this marker was made, or verified, in this boot.
pub(super) fn is_current(marker: &Path) -> bool {
    fs::read_to_string(marker).is_ok_and(|made_in| made_in == current())
}
