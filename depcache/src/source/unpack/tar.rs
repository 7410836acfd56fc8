//! Gzipped tars.

use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use flate2::read::MultiGzDecoder;
use tar::{Archive, EntryType};

use super::UnpackError;
use super::place::Place;

/// A tar's own padding after its end; more is no padding.
const MAX_TRAILING_BYTES: u64 = 1 << 20;

pub(super) fn unpack(reader: impl Read, place: &mut Place) -> Result<(), UnpackError> {
    let mut archive = Archive::new(MultiGzDecoder::new(reader));
    for entry in archive.entries().map_err(UnpackError::Damaged)? {
        let mut entry = entry.map_err(UnpackError::Damaged)?;
        let kind = entry.header().entry_type();
        if kind == EntryType::XGlobalHeader {
            continue;
        }
        let raw = entry.path_bytes().into_owned();
        let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned);
        let mode = entry.header().mode().map_err(UnpackError::Damaged)?;
        let modified = entry.header().mtime().ok().map(|at| SystemTime::UNIX_EPOCH + Duration::from_secs(at));
        match kind {
            EntryType::Regular | EntryType::Continuous => {
                // Old tars mark directories by their name alone.
                if raw.ends_with(b"/") {
                    place.directory(&raw)?;
                } else {
                    let size = entry.size();
                    place.file(&raw, size, mode & 0o111 != 0, modified, &mut entry)?;
                }
            }
            EntryType::Directory => place.directory(&raw)?,
            EntryType::Symlink => place.symlink(&raw, &link.unwrap_or_default())?,
            EntryType::Link => place.hard_link(&raw, &link.unwrap_or_default())?,
            other => return Err(UnpackError::Special { path: Place::shown(&raw), kind: name(other) }),
        }
    }
    // The checksum stands at the end of the stream.
    let mut rest = archive.into_inner();
    let trailing = io::copy(&mut (&mut rest).take(MAX_TRAILING_BYTES + 1), &mut io::sink());
    match trailing {
        Ok(count) if count <= MAX_TRAILING_BYTES => Ok(()),
        Ok(_) => Err(UnpackError::TooLarge { limit_bytes: MAX_TRAILING_BYTES }),
        Err(error) => Err(UnpackError::Damaged(error)),
    }
}

fn name(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Char | EntryType::Block => "device",
        EntryType::Fifo => "pipe",
        EntryType::GNUSparse => "sparse file",
        _ => "member of an unknown kind",
    }
}
