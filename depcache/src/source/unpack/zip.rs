//! Zip archives.

use std::io::{Read, Seek};

use zip::ZipArchive;

use super::UnpackError;
use super::place::Place;

/// File type bits of a Unix mode.
const TYPE: u32 = 0o170_000;
/// Longest link target that is read.
const MAX_TARGET_BYTES: u64 = 4096;

pub(super) fn unpack(reader: impl Read + Seek, place: &mut Place) -> Result<(), UnpackError> {
    let mut archive = ZipArchive::new(reader).map_err(UnpackError::Zip)?;
    archive.validate_header_consistency().map_err(UnpackError::Zip)?;
    for index in 0..archive.len() {
        let mut member = archive.by_index(index).map_err(UnpackError::Zip)?;
        let raw = member.name().map_err(UnpackError::Zip)?.into_owned().into_bytes();
        let mode = member.unix_mode().unwrap_or_default();
        let special = |kind| Err(UnpackError::Special { path: Place::shown(&raw), kind });
        if member.encrypted() {
            return special("encrypted file");
        }
        if member.is_dir() {
            place.directory(&raw)?;
        } else if member.is_symlink() {
            let mut target = Vec::new();
            (&mut member).take(MAX_TARGET_BYTES).read_to_end(&mut target).map_err(UnpackError::Damaged)?;
            place.symlink(&raw, &target)?;
        } else if ![0, 0o100_000].contains(&(mode & TYPE)) {
            return special("device, pipe or socket");
        } else {
            let size = member.size();
            place.file(&raw, size, mode & 0o111 != 0, None, &mut member)?;
        }
    }
    Ok(())
}
