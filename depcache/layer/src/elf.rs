//! Just enough ELF to read a shared library's run paths.

use std::io::{self, Read, Seek, SeekFrom};

const DT_STRTAB: u64 = 5;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
/// Program headers looked at; real libraries have about ten.
const MAX_HEADERS: u64 = 256;
/// Bytes of the dynamic section looked at; real ones have a few hundred entries of 16 bytes.
const MAX_DYNAMIC_BYTES: u64 = 1 << 20;
/// Longest run path string.
const MAX_STRING_BYTES: usize = 1 << 16;

/// Entries of DT_RUNPATH and DT_RPATH, in order. Anything that is not a well-formed 64-bit little-endian ELF
/// file has none: the dynamic linker would not load it on any target that layers are built for.
pub(crate) fn run_paths<R: Read + Seek>(file: &mut R) -> io::Result<Vec<String>> {
    match read(file) {
        Ok(paths) => Ok(paths.unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn read<R: Read + Seek>(file: &mut R) -> io::Result<Option<Vec<String>>> {
    let header = at(file, 0, 64)?;
    if header[..6] != *b"\x7fELF\x02\x01" {
        return Ok(None);
    }
    let (table, size, count) =
        (u64_at(&header, 32), u64::from(u16_at(&header, 54)), u64::from(u16_at(&header, 56)));
    if size < 56 || count > MAX_HEADERS {
        return Ok(None);
    }
    let headers = at(file, table, size * count)?;
    let (mut loads, mut dynamic) = (Vec::new(), None);
    for header in headers.chunks_exact(usize::try_from(size).unwrap_or(usize::MAX)) {
        let (offset, address, length) = (u64_at(header, 8), u64_at(header, 16), u64_at(header, 32));
        match u32_at(header, 0) {
            PT_LOAD => loads.push((offset, address, length)),
            PT_DYNAMIC => dynamic = Some((offset, length.min(MAX_DYNAMIC_BYTES))),
            _ => {}
        }
    }
    let Some((offset, length)) = dynamic else { return Ok(None) };
    let entries = at(file, offset, length)?;
    let entries: Vec<_> = entries.chunks_exact(16).map(|e| (u64_at(e, 0), u64_at(e, 8))).collect();
    let Some(strings) = entries.iter().find(|(tag, _)| *tag == DT_STRTAB).and_then(|(_, address)| {
        let (offset, start, _) = loads
            .iter()
            .find(|(_, start, length)| (*start..start.saturating_add(*length)).contains(address))?;
        offset.checked_add(address - start)
    }) else {
        return Ok(None);
    };
    let mut paths = Vec::new();
    for (_, value) in entries.iter().filter(|(tag, _)| [DT_RPATH, DT_RUNPATH].contains(tag)) {
        let Some(start) = strings.checked_add(*value) else { return Ok(None) };
        paths.extend(string(file, start)?.split(':').filter(|path| !path.is_empty()).map(str::to_owned));
    }
    Ok(Some(paths))
}

fn at<R: Read + Seek>(file: &mut R, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.by_ref().take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

fn string<R: Read + Seek>(file: &mut R, offset: u64) -> io::Result<String> {
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.by_ref().take(MAX_STRING_BYTES as u64).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    Ok(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|b| b.try_into().ok()).map_or(0, u64::from_le_bytes)
}
