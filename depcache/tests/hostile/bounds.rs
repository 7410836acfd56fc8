//! Wheels made to fill memory and disk.

use std::io::Write;

use zip::write::SimpleFileOptions;

use crate::archive::{Entry, sound, zip};
use crate::wheels::{Case, bytes_case, refuse_all};

/// A sound wheel, deflated, with one more member of `size` zeros.
fn zeros(label: &'static str, words: &'static str, path: &'static str, size: usize) -> Case {
    bytes_case(label, words, move |name| {
        let mut out = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let path = path.replace("{name}", name);
        for entry in sound(name, "1").iter().filter(|entry| entry.name != path.as_bytes()) {
            out.start_file(String::from_utf8(entry.name.clone()).unwrap(), SimpleFileOptions::default())
                .unwrap();
            out.write_all(&entry.content).unwrap();
        }
        out.start_file(path, SimpleFileOptions::default()).unwrap();
        let piece = vec![0; 1 << 20];
        (0..size >> 20).for_each(|_| out.write_all(&piece).unwrap());
        out.finish().unwrap().into_inner()
    })
}

#[test]
fn bombs() {
    refuse_all(&[
        zeros("half a gigabyte of zeros", "made to fill disks", "evil.bin", 512 << 20),
        zeros("METADATA of 20 MB", "METADATA is larger than", "{name}-1.dist-info/METADATA", 20 << 20),
        zeros("WHEEL of 65 MB", "made to fill disks", "{name}-1.dist-info/WHEEL", 65 << 20),
        bytes_case("a size that is not there", "made to fill disks", |name| {
            let mut entries = sound(name, "1");
            entries[0].declared = Some(u32::MAX - 1);
            zip(&entries)
        }),
        bytes_case("many members that share their bytes", "header inconsistency", |name| {
            let mut entries = sound(name, "1");
            entries.insert(0, Entry::new("k0000", vec![0; 1 << 20]));
            for number in 1..1000u32 {
                let shared = Entry { offset: Some(0), ..Entry::new(format!("k{number:04}"), "") };
                entries.push(Entry { declared: Some(1 << 20), ..shared });
            }
            zip(&entries)
        }),
    ]);
}
