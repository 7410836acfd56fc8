//! METADATA out of a wheel that is not here: the central directory and the member lie in the last
//! kilobytes, so one ranged request mostly suffices. Some wheels (numpy's, scipy's) have METADATA in front: then
//! the directory says where, and the member alone is asked for.

use std::cell::Cell;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::Bytes;
use zip::ZipArchive;

/// Largest METADATA that is read; real ones are below 300 kB.
pub(super) const METADATA_LIMIT_BYTES: u64 = 16 << 20;

/// A file of which only parts are here, readable like the whole.
pub(super) struct Parts {
    total: u64,
    /// Offset and content of each part, in any order.
    parts: Vec<(u64, Bytes)>,
}

/// What reading the parts gave.
pub(super) enum Found {
    Metadata(Vec<u8>),
    /// More of the file is needed.
    More(Need),
    Broken(String),
}

/// Bytes without which METADATA cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// All of these: the directory begins there, or before.
    Directory(Range<u64>),
    /// The member is read from here on; how long it is, is not known. It ends before the second offset.
    Member(Range<u64>),
}

impl Parts {
    /// Of a file of `total` bytes, of which nothing is here yet.
    pub(super) fn of(total: u64) -> Self {
        Self { total, parts: Vec::new() }
    }

    /// Adds the bytes at `start`.
    pub(super) fn add(&mut self, start: u64, bytes: Bytes) {
        self.parts.push((start, bytes));
    }

    /// Reads the METADATA of the wheel, or says what is needed for it.
    pub(super) fn metadata(&self) -> Found {
        let missing = Cell::new(None);
        let archive = match ZipArchive::new(Reader { parts: self, at: 0, missing: &missing }) {
            Ok(archive) => archive,
            Err(error) => {
                return match missing.get() {
                    Some(from) => Found::More(Need::Directory(from..self.begin_of_end())),
                    None => Found::Broken(format!("no zip archive ({error})")),
                };
            }
        };
        // The search for the archive's end looked further back than it had to.
        missing.set(None);
        match (read_member(archive), missing.get()) {
            (Ok(bytes), _) => Found::Metadata(bytes),
            (Err(_), Some(from)) => Found::More(Need::Member(from..self.end_of_hole(from))),
            (Err(what), None) => Found::Broken(what),
        }
    }

    /// The part that `offset` lies in: its bytes from there on.
    fn at(&self, offset: u64) -> Option<&[u8]> {
        self.parts.iter().find_map(|(start, bytes)| {
            let skip = usize::try_from(offset.checked_sub(*start)?).ok()?;
            bytes.get(skip..).filter(|rest| !rest.is_empty())
        })
    }

    fn end_of_hole(&self, offset: u64) -> u64 {
        let later = self.parts.iter().map(|(start, _)| *start).filter(|start| *start > offset);
        later.min().unwrap_or(self.total)
    }

    /// Where the bytes begin that reach to the end of the file without a hole.
    fn begin_of_end(&self) -> u64 {
        let mut begin = self.total;
        let joined = |begin: u64| {
            let ends_there =
                |(start, bytes): &&(u64, Bytes)| *start < begin && start + bytes.len() as u64 == begin;
            self.parts.iter().find(ends_there).map(|(start, _)| *start)
        };
        while let Some(earlier) = joined(begin) {
            begin = earlier;
        }
        begin
    }
}

struct Reader<'a> {
    parts: &'a Parts,
    at: u64,
    /// The lowest offset that was read and is not here.
    missing: &'a Cell<Option<u64>>,
}

impl Read for Reader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.parts.total || out.is_empty() {
            return Ok(0);
        }
        let length = if let Some(here) = self.parts.at(self.at) {
            let length = here.len().min(out.len());
            out[..length].copy_from_slice(&here[..length]);
            length
        } else {
            // Zeros stand for what is not here. Where content was needed, its checksum fails, and the bytes are
            // asked for.
            let hole = self.parts.end_of_hole(self.at) - self.at;
            self.missing.set(Some(self.missing.get().map_or(self.at, |known| known.min(self.at))));
            let length = usize::try_from(hole).unwrap_or(usize::MAX).min(out.len());
            out[..length].fill(0);
            length
        };
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(delta) => self.parts.total.checked_add_signed(delta),
            SeekFrom::Current(delta) => self.at.checked_add_signed(delta),
        };
        self.at = target.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

/// Reads `*.dist-info/METADATA` at the root of a wheel. The error says what is wrong.
pub(crate) fn read_metadata(wheel: impl Read + Seek) -> Result<Vec<u8>, String> {
    read_member(ZipArchive::new(wheel).map_err(|error| format!("no zip archive ({error})"))?)
}

fn read_member(mut archive: ZipArchive<impl Read + Seek>) -> Result<Vec<u8>, String> {
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

    fn parts_of(wheel: &[u8], here: &[(usize, usize)]) -> Parts {
        let mut parts = Parts::of(wheel.len() as u64);
        for &(start, end) in here {
            parts.add(start as u64, Bytes::copy_from_slice(&wheel[start..end]));
        }
        parts
    }

    #[test]
    fn the_tail_suffices_or_says_what_is_missing() {
        let tail =
            |bytes: &[u8], length: usize| parts_of(bytes, &[(bytes.len() - length, bytes.len())]).metadata();
        assert!(matches!(tail(&wheel(false), 1000), Found::Metadata(m) if m == b"Name: a\n"));
        assert!(matches!(tail(&[0; 2000], 2000), Found::Broken(_)));
    }

    #[test]
    fn metadata_in_front_is_asked_for_alone() {
        let wheel = wheel(true);
        let end = (wheel.len() - 1000, wheel.len());
        let Found::More(need) = parts_of(&wheel, &[end]).metadata() else { panic!("it lies in front") };
        assert_eq!(need, Need::Member(0..end.0 as u64), "not what lies between");
        let Found::More(need) = parts_of(&wheel, &[end, (0, 20)]).metadata() else { panic!("cut off") };
        assert_eq!(need, Need::Member(20..end.0 as u64), "only what is not here");
        let found = parts_of(&wheel, &[end, (0, 20), (20, 300)]).metadata();
        assert!(matches!(found, Found::Metadata(m) if m == b"Name: a\n"));
    }

    #[test]
    fn a_directory_that_begins_before_the_tail_is_completed() {
        let wheel = wheel(false);
        let (cut, end) = (wheel.len() - 30, wheel.len());
        let Found::More(Need::Directory(need)) = parts_of(&wheel, &[(cut, end)]).metadata() else {
            panic!("no directory there")
        };
        assert_eq!(need.end, cut as u64);
        let from = usize::try_from(need.start).unwrap();
        let found = parts_of(&wheel, &[(cut, end), (from, cut)]).metadata();
        assert!(matches!(found, Found::Metadata(m) if m == b"Name: a\n"));
    }
}
