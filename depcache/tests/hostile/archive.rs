//! Zip archives byte by byte, with every lie that their format allows.

/// A member; `None` fields say the truth.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) content: Vec<u8>,
    /// Unix mode with its type bits.
    pub(crate) mode: u32,
    /// Name in the local header.
    pub(crate) local_name: Option<Vec<u8>>,
    /// Size in both headers.
    pub(crate) declared: Option<u32>,
    /// Checksum in both headers.
    pub(crate) crc: Option<u32>,
    /// Compression method in both headers; the content is stored as it is.
    pub(crate) method: u16,
    /// General purpose flags.
    pub(crate) flags: u16,
    /// Offset of the local header.
    pub(crate) offset: Option<u32>,
    /// Left out of the central directory.
    pub(crate) is_hidden: bool,
}

impl Entry {
    pub(crate) fn new(name: impl Into<Vec<u8>>, content: impl Into<Vec<u8>>) -> Self {
        Self { name: name.into(), content: content.into(), mode: 0o100_644, ..Self::default() }
    }
}

/// Entries of a sound wheel.
pub(crate) fn sound(name: &str, version: &str) -> Vec<Entry> {
    let info = format!("{name}-{version}.dist-info");
    let metadata = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n");
    vec![
        Entry::new(format!("{name}.py"), "x = 1\n"),
        Entry::new(format!("{info}/METADATA"), metadata),
        Entry::new(format!("{info}/WHEEL"), "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"),
        Entry::new(format!("{info}/RECORD"), format!("{name}.py,,\n{info}/METADATA,,\n{info}/RECORD,,\n")),
    ]
}

/// The archive.
pub(crate) fn zip(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut directory, mut count) = (Vec::new(), Vec::new(), 0u16);
    for entry in entries {
        let start = u32::try_from(out.len()).unwrap();
        let declared = entry.declared.unwrap_or_else(|| length(&entry.content));
        let crc = entry.crc.unwrap_or_else(|| crc32(&entry.content));
        let mut shared = Vec::new();
        for value in [20, entry.flags, entry.method, 0, 0x21] {
            shared.extend(value.to_le_bytes());
        }
        for value in [crc, length(&entry.content), declared] {
            shared.extend(value.to_le_bytes());
        }
        let local_name = entry.local_name.as_ref().unwrap_or(&entry.name);
        out.extend(b"PK\x03\x04");
        out.extend(&shared);
        out.extend(u16::try_from(local_name.len()).unwrap().to_le_bytes());
        out.extend([0, 0]);
        out.extend(local_name);
        out.extend(&entry.content);
        if entry.is_hidden {
            continue;
        }
        count += 1;
        directory.extend(b"PK\x01\x02");
        // Made by Unix, so that the mode counts.
        directory.extend([20, 3]);
        directory.extend(&shared);
        directory.extend(u16::try_from(entry.name.len()).unwrap().to_le_bytes());
        directory.extend([0; 8]);
        directory.extend((entry.mode << 16).to_le_bytes());
        directory.extend(entry.offset.unwrap_or(start).to_le_bytes());
        directory.extend(&entry.name);
    }
    let (at, size) = (length(&out), length(&directory));
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg()))
    })
}

#[test]
fn a_sound_archive_is_one() {
    let bytes = zip(&sound("demo", "1"));
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    archive.validate_header_consistency().unwrap();
    assert_eq!(std::io::read_to_string(archive.by_name("demo.py").unwrap()).unwrap(), "x = 1\n");
}
