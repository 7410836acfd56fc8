//! The bytes of a tar member. Written here, not by a library: they are an identity and may never drift.

use domain::layer::{EntryKind, MTIME_S};

/// Tar's unit: headers and padded contents are multiples of it.
pub(crate) const BLOCK: usize = 512;
/// Largest content that eleven octal digits can state.
pub const MAX_FILE_BYTES: u64 = (1 << 33) - 1;
const NAME: usize = 100;
const PREFIX: usize = 155;

/// Header blocks of one member: a pax extended header first when a name does not fit ustar.
pub(crate) fn header(path: &str, kind: EntryKind, mode: u32, size: u64, target: Option<&str>) -> Vec<u8> {
    let path = if kind == EntryKind::Directory { format!("{path}/") } else { path.to_owned() };
    let target = target.unwrap_or_default();
    let split = split(&path);
    let mut records = String::new();
    if split.is_none() {
        records.push_str(&pax_record("path", &path));
    }
    if target.len() > NAME {
        records.push_str(&pax_record("linkpath", target));
    }
    let mut out = Vec::new();
    if !records.is_empty() {
        out.extend_from_slice(&block(("", "././@PaxHeader"), b'x', 0o644, records.len() as u64, ""));
        out.extend_from_slice(records.as_bytes());
        out.resize(out.len().next_multiple_of(BLOCK), 0);
    }
    let kind = match kind {
        EntryKind::File => b'0',
        EntryKind::Symlink => b'2',
        EntryKind::Directory => b'5',
    };
    let name = split.unwrap_or(("", cut(&path, NAME)));
    out.extend_from_slice(&block(name, kind, mode, size, cut(target, NAME)));
    out
}

/// Zero bytes that pad `size` to whole blocks.
pub(crate) fn padding(size: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let used = usize::try_from(size % BLOCK as u64).unwrap_or_default();
    if used == 0 { &[] } else { &ZEROS[used..] }
}

fn block((prefix, name): (&str, &str), kind: u8, mode: u32, size: u64, target: &str) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, format!("{MTIME_S:011o}").as_bytes());
    put(148, b"        ");
    put(156, &[kind]);
    put(157, target.as_bytes());
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Prefix and name of a path that fits ustar.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(at, _)| (&path[..at], &path[at + 1..]))
        .find(|(prefix, name)| prefix.len() <= PREFIX && name.len() <= NAME && !name.is_empty())
}

/// `<length> <key>=<value>\n`, where the length counts its own digits.
fn pax_record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

fn cut(text: &str, length: usize) -> &str {
    let mut end = text.len().min(length);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn names_of_every_length_are_read_back_by_a_real_reader() {
        for length in [1, 99, 100, 101, 155, 156, 200, 254, 255, 256, 300, 1000] {
            for unit in ["x", "dir/", "é/"] {
                let path: String = unit.repeat(length).trim_end_matches('/').chars().take(length).collect();
                let path = path.trim_end_matches('/');
                let mut bytes = header(path, EntryKind::File, 0o644, 3, None);
                bytes.extend_from_slice(b"abc");
                bytes.resize(bytes.len().next_multiple_of(512) + 1024, 0);
                let mut archive = tar::Archive::new(&bytes[..]);
                let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
                assert_eq!(entry.path().unwrap().to_str().unwrap(), path, "{length}");
                let mut content = String::new();
                entry.read_to_string(&mut content).unwrap();
                assert_eq!(content, "abc");
            }
        }
    }

    #[test]
    fn pax_lengths_count_themselves() {
        assert_eq!(pax_record("path", "abc"), "12 path=abc\n");
        for length in 80..120 {
            let record = pax_record("path", &"x".repeat(length));
            assert!(record.starts_with(&format!("{} ", record.len())), "{record}");
        }
    }
}
