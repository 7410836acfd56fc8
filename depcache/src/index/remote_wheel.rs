//! METADATA out of a wheel that is not here: the central directory and the member lie in the last
//! kilobytes, so one ranged request mostly suffices.

use std::io::{self, Read, Seek, SeekFrom};

use bytes::Bytes;
use zip::ZipArchive;

/// Largest METADATA that is read; real ones are below 300 kB.
pub(super) const METADATA_LIMIT_BYTES: u64 = 16 << 20;

/// The last part of a file of `total` bytes, readable like the whole file.
pub(super) struct Tail {
    pub(super) total: u64,
    /// Offset of the first byte of `bytes`.
    pub(super) start: u64,
    pub(super) bytes: Bytes,
    at: u64,
    missing: Option<u64>,
}

/// What reading a tail gave.
pub(super) enum Found {
    Metadata(Vec<u8>),
    /// Bytes from this offset on are needed too.
    More(u64),
    Broken(String),
}

impl Tail {
    pub(super) fn new(total: u64, start: u64, bytes: Bytes) -> Self {
        Self { total, start, bytes, at: 0, missing: None }
    }

    /// Reads the METADATA of the wheel, or says what is needed for it.
    pub(super) fn metadata(mut self) -> Found {
        let read = read_metadata(&mut self);
        match (read, self.missing) {
            (Ok(bytes), _) => Found::Metadata(bytes),
            (Err(_), Some(offset)) => Found::More(offset),
            (Err(what), None) => Found::Broken(what),
        }
    }
}

impl Read for &mut Tail {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.total || out.is_empty() {
            return Ok(0);
        }
        if self.at < self.start {
            // Zeros stand for what is not here: the search for the archive's end looks further back than it
            // must. Where content was needed, its checksum fails, and the bytes are asked for.
            self.missing = Some(self.missing.map_or(self.at, |known| known.min(self.at)));
            let length = usize::try_from(self.start - self.at).unwrap_or(usize::MAX).min(out.len());
            out[..length].fill(0);
            self.at += length as u64;
            return Ok(length);
        }
        let from = self.at - self.start;
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let available = self.bytes.get(from..).unwrap_or_default();
        let length = available.len().min(out.len());
        out[..length].copy_from_slice(&available[..length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for &mut Tail {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.total.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.at.checked_add_signed(delta),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Reads `*.dist-info/METADATA` at the root of a wheel. The error says what is wrong.
pub(crate) fn read_metadata(wheel: impl Read + Seek) -> Result<Vec<u8>, String> {
    let mut archive = ZipArchive::new(wheel).map_err(|error| format!("no zip archive ({error})"))?;
    // A name that cannot be decoded is not the one looked for.
    let mut names = archive.file_names().filter_map(Result::ok).filter(|name| {
        name.strip_suffix("/METADATA").is_some_and(|dir| dir.ends_with(".dist-info") && !dir.contains('/'))
    });
    let name = names.next().ok_or("no .dist-info/METADATA in it")?.into_owned();
    if names.next().is_some() {
        return Err("more than one .dist-info/METADATA in it".into());
    }
    drop(names);
    let member = archive.by_name(&name).map_err(|error| format!("METADATA cannot be read ({error})"))?;
    let mut bytes = Vec::new();
    member
        .take(METADATA_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("METADATA cannot be read ({error})"))?;
    if bytes.len() as u64 > METADATA_LIMIT_BYTES {
        return Err(format!("METADATA is larger than {METADATA_LIMIT_BYTES} bytes"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Cursor, Write};
    use zip::write::SimpleFileOptions;

    fn wheel(metadata_first: bool) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut members =
            vec![("a/data.bin", vec![7u8; 100_000]), ("a-1.dist-info/METADATA", b"Name: a\n".to_vec())];
        if metadata_first {
            members.reverse();
        }
        for (name, content) in members {
            zip.start_file(name, options).unwrap();
            zip.write_all(&content).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    #[test]
    fn the_tail_suffices_or_says_what_is_missing() {
        let tail_of = |bytes: &[u8], length: usize| {
            let start = bytes.len() - length;
            Tail::new(bytes.len() as u64, start as u64, Bytes::copy_from_slice(&bytes[start..])).metadata()
        };
        assert!(matches!(tail_of(&wheel(false), 1000), Found::Metadata(m) if m == b"Name: a\n"));
        assert!(matches!(tail_of(&wheel(true), 1000), Found::More(0)));
        assert!(matches!(tail_of(&[0; 2000], 2000), Found::Broken(_)));
    }
}
