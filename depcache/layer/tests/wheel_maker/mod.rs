//! Wheels made in memory.
#![allow(dead_code, unreachable_pub, reason = "every test binary uses a part of this module")]
#![allow(
    clippy::unwrap_used,
    clippy::format_collect,
    clippy::format_push_string,
    reason = "clarity over speed and comfort"
)]

use std::collections::BTreeMap;
use std::io::{Cursor, Read, Write as _};
use std::path::Path;

use depcache_layer::{
    Contents, Layout, Limits, Member, Origin, Packed, Staging, Wheel, WheelError, pack, record_hash,
};
use domain::Digest;
use zip::write::SimpleFileOptions;

pub struct WheelMaker {
    pub name: String,
    pub version: String,
    pub files: Vec<(String, Vec<u8>, u32)>,
}

impl WheelMaker {
    pub fn new(name: &str, version: &str) -> Self {
        Self { name: name.into(), version: version.into(), files: Vec::new() }
    }

    pub fn file(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.file_with_mode(path, content, 0o644)
    }

    pub fn file_with_mode(mut self, path: &str, content: impl AsRef<[u8]>, mode: u32) -> Self {
        self.files.push((path.into(), content.as_ref().to_vec(), mode));
        self
    }

    pub fn filename(&self) -> String {
        format!("{}-{}-py3-none-any.whl", self.name, self.version)
    }

    pub fn dist_info(&self) -> String {
        format!("{}-{}.dist-info", self.name, self.version)
    }

    /// Members with metadata and a true RECORD.
    pub fn members(&self) -> Vec<(String, Vec<u8>, u32)> {
        let info = self.dist_info();
        let mut members = self.files.clone();
        let metadata = format!("Metadata-Version: 2.1\nName: {}\nVersion: {}\n", self.name, self.version);
        members.push((format!("{info}/METADATA"), metadata.into_bytes(), 0o644));
        members.push((format!("{info}/WHEEL"), b"Wheel-Version: 1.0\nTag: py3-none-any\n".to_vec(), 0o644));
        let mut record: String = members
            .iter()
            .map(|(path, content, _)| {
                format!("{path},{},{}\n", record_hash(&Digest::of(content)), content.len())
            })
            .collect();
        record.push_str(&format!("{info}/RECORD,,\n"));
        members.push((format!("{info}/RECORD"), record.into_bytes(), 0o644));
        members
    }

    pub fn zip(&self) -> Vec<u8> {
        zip_of(&self.members())
    }
}

pub fn zip_of(members: &[(String, Vec<u8>, u32)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (path, content, mode) in members {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .unix_permissions(*mode);
        if mode & 0o170_000 == 0o120_000 {
            zip.add_symlink(path.as_str(), std::str::from_utf8(content).unwrap(), options).unwrap();
            continue;
        }
        zip.start_file(path.as_str(), options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Opens, stages and packs without bytecode.
pub fn layer_of(zip: &[u8], filename: &str, directory: &Path) -> Result<Packed<Vec<u8>>, WheelError> {
    let mut wheel = Wheel::open(Cursor::new(zip), filename, Limits::default())?;
    let mut staging = Staging::new(directory);
    wheel.stage(&Layout::new("cpython", "3.11"), &mut staging)?;
    let members = staging.finish()?;
    let real = staging.run_paths_leave().unwrap();
    let origin = Origin::new(wheel.name(), wheel.version(), "lib").needing_real_directories(real);
    Ok(pack(&members, &staging, &origin, Vec::new()).unwrap())
}

/// An error and its causes, as people see them.
pub fn words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Memory {
    pub fn members(&self) -> Vec<Member> {
        let member = |(path, content): (&String, &Vec<u8>)| Member {
            path: path.clone(),
            content: depcache_layer::Content::File {
                size: content.len() as u64,
                sha256: Digest::of(content),
                executable: content.first().is_some_and(|byte| byte % 2 == 1),
            },
        };
        self.0.iter().map(member).collect()
    }

    pub fn pack(&self) -> Packed<Vec<u8>> {
        pack(&self.members(), self, &Origin::new("demo", "1", "lib"), Vec::new()).unwrap()
    }
}

impl Contents for Memory {
    fn open(&self, path: &str) -> std::io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(&self.0[path][..]))
    }
}

/// The smallest shared library with a run path.
pub fn library(run_path: &str) -> Vec<u8> {
    let words = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // Header, two program headers, the dynamic section, the strings; loaded at 0x1000.
    let (dynamic, strings) = (64 + 2 * 56u64, 64 + 2 * 56 + 3 * 16u64);
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    file.extend([3, 0, 62, 0, 1, 0, 0, 0]);
    file.extend(words(&[0, 64, 0]));
    file.extend([0, 0, 0, 0, 64, 0, 56, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
    let length = strings + run_path.len() as u64 + 2;
    for (kind, offset, size) in [(1u64, 0, length), (2, dynamic, 48)] {
        file.extend(words(&[kind, offset, offset + 0x1000, offset + 0x1000, size, size, 8]));
    }
    file.extend(words(&[5, strings + 0x1000, 29, 1, 0, 0]));
    file.push(0);
    file.extend(run_path.as_bytes());
    file.push(0);
    file
}
