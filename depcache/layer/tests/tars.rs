//! Tars, frames and tables of contents: round trips, laws, corruption.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod wheel_maker;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use depcache_layer::{UnpackError, decode_toc, encode_toc, first_difference, seek_frames, unpack};
use domain::layer::FRAME_SIZE_BYTES;
use domain::{Digest, Toc};
use proptest::prelude::*;
use wheel_maker::{Memory, words};

fn large() -> Memory {
    // Incompressible and repetitive content over several frames.
    let mut state = 1u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as u8
    })
    .take(2_500_000)
    .collect();
    Memory(BTreeMap::from([
        ("lib/noise.bin".into(), noise),
        ("lib/zeros.bin".into(), vec![0; 3_000_000]),
        ("lib/empty".into(), Vec::new()),
        ("lib/a-b/x".into(), b"1".to_vec()),
        ("lib/a/x".into(), b"2".to_vec()),
    ]))
}

#[test]
fn what_is_packed_is_unpacked() {
    let memory = large();
    let packed = memory.pack();
    assert_eq!(packed.toc.frames.len() as u64, packed.toc.tar_size.div_ceil(FRAME_SIZE_BYTES));
    let directory = tempfile::tempdir().unwrap();
    unpack(&packed.out[..], &packed.toc, directory.path()).unwrap();
    for (path, content) in &memory.0 {
        assert!(std::fs::read(directory.path().join(path)).unwrap() == *content, "{path}");
    }
    assert_eq!(first_difference(directory.path(), &packed.toc).unwrap(), None);
    std::fs::write(directory.path().join("lib/empty"), "x").unwrap();
    assert_eq!(first_difference(directory.path(), &packed.toc).unwrap().as_deref(), Some("lib/empty"));
}

#[test]
fn offsets_and_frames_lead_to_each_file_without_reading_the_rest() {
    let memory = large();
    let packed = memory.pack();
    let ranges = seek_frames(&packed.out, packed.out.len() as u64, packed.toc.frames.len()).unwrap();
    let mut tar = Vec::new();
    for (range, digest) in ranges.iter().zip(&packed.toc.frames) {
        let bytes = &packed.out[range.start as usize..range.end as usize];
        let frame = zstd::bulk::decompress(bytes, FRAME_SIZE_BYTES as usize).unwrap();
        assert_eq!(Digest::of(&frame), *digest);
        tar.extend_from_slice(&frame);
    }
    assert_eq!(Digest::of(&tar), packed.toc.tar_digest);
    for entry in packed.toc.entries.iter().filter(|entry| entry.offset.is_some()) {
        let start = entry.offset.unwrap() as usize;
        assert!(tar[start..start + entry.size as usize] == memory.0[&entry.path], "{}", entry.path);
    }
    // A table that does not fit is refused.
    assert_eq!(seek_frames(&packed.out, packed.out.len() as u64 + 1, packed.toc.frames.len()), None);
    assert_eq!(seek_frames(&packed.out, packed.out.len() as u64, packed.toc.frames.len() + 1), None);
    assert_eq!(seek_frames(&[], 0, 0), None);
}

#[test]
fn zstd_and_tar_read_a_layer() {
    let present = |tool: &str| Command::new(tool).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !present("zstd") || !present("tar") {
        println!("skipped: zstd or tar is not installed");
        return;
    }
    let packed = large().pack();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&packed.out).unwrap();
    let out =
        Command::new("sh").arg("-c").arg("zstd -dc \"$0\" | tar tf -").arg(file.path()).output().unwrap();
    let listed: Vec<_> =
        String::from_utf8(out.stdout).unwrap().lines().map(|l| l.trim_end_matches('/').to_owned()).collect();
    let expected: Vec<_> = packed.toc.entries.iter().map(|entry| entry.path.clone()).collect();
    assert_eq!(listed, expected);
    assert_eq!(String::from_utf8_lossy(&out.stderr), "");
}

#[test]
fn every_corrupted_frame_is_noticed() {
    let packed = large().pack();
    let ranges = seek_frames(&packed.out, packed.out.len() as u64, packed.toc.frames.len()).unwrap();
    for range in &ranges {
        let mut bytes = packed.out.clone();
        let middle = usize::midpoint(range.start as usize, range.end as usize);
        bytes[middle] ^= 0x55;
        let directory = tempfile::tempdir().unwrap();
        let error = unpack(&bytes[..], &packed.toc, directory.path()).unwrap_err();
        assert!(error.is_corrupt(), "{}", words(&error));
        assert!(
            matches!(error, UnpackError::Frame { .. } | UnpackError::FrameDigest { .. }),
            "{}",
            words(&error)
        );
    }
    for cut in [0, 10, packed.out.len() / 2] {
        let directory = tempfile::tempdir().unwrap();
        assert!(unpack(&packed.out[..cut], &packed.toc, directory.path()).unwrap_err().is_corrupt());
    }
}

#[test]
fn bombs_are_refused() {
    let packed = large().pack();
    // Frames that follow those that the table of contents names.
    let more = zstd::bulk::compress(&vec![0; 50_000_000], 3).unwrap();
    let ranges = seek_frames(&packed.out, packed.out.len() as u64, packed.toc.frames.len()).unwrap();
    let frames = &packed.out[..ranges.last().unwrap().end as usize];
    let directory = tempfile::tempdir().unwrap();
    let error = unpack(&[frames, &more].concat()[..], &packed.toc, directory.path()).unwrap_err();
    insta::assert_snapshot!(words(&error), @"the layer holds more than the 5506560 bytes that its table of contents states");
    // A table of contents that unpacks to more than its bound.
    let zeros = std::io::repeat(b' ').take(depcache_layer::MAX_TOC_BYTES + 1);
    let stored = zstd::stream::encode_all(zeros, 1).unwrap();
    insta::assert_snapshot!(words(&decode_toc(&stored, &Digest::of(b"")).unwrap_err()), @"the table of contents cannot be decompressed: it holds more than the declared 268435456 bytes");
}

#[test]
fn tables_of_contents_that_no_packer_writes_are_refused() {
    let sound =
        Memory(BTreeMap::from([("lib/a".into(), b"1".to_vec()), ("lib/b".into(), b"2".to_vec())])).pack().toc;
    let refused = |change: &dyn Fn(&mut Toc)| {
        let mut toc = sound.clone();
        change(&mut toc);
        let (bytes, digest) = encode_toc(&toc).unwrap();
        words(&decode_toc(&bytes, &digest).unwrap_err())
    };
    let refusals = [
        refused(&|toc| toc.schema = 2),
        refused(&|toc| toc.entries[1].path = "lib/../../etc/passwd".into()),
        refused(&|toc| toc.entries.swap(1, 2)),
        refused(&|toc| toc.entries[2].path = "lib/a".into()),
        refused(&|toc| toc.entries[2].offset = toc.entries[1].offset),
        refused(&|toc| toc.entries[2].size = u64::MAX),
        refused(&|toc| toc.entries[2].sha256 = None),
        refused(&|toc| toc.entries[2].path = "other/b".into()),
        refused(&|toc| toc.frames.clear()),
        refused(&|toc| {
            toc.entries[2].kind = domain::layer::EntryKind::Symlink;
            toc.entries[2].target = Some("../../x".into());
        }),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    the table of contents has schema 2, expected 1
    the table of contents has the path "lib/../../etc/passwd": it climbs with `..`
    the table of contents is inconsistent at "lib/a"
    the table of contents is inconsistent at "lib/a"
    the table of contents is inconsistent at "lib/b"
    the table of contents is inconsistent at "lib/b"
    the table of contents is inconsistent at "lib/b"
    the table of contents is inconsistent at "other/b"
    the table of contents is inconsistent at "(frames)"
    the table of contents is inconsistent at "lib/b"
    "#);
    let (bytes, _) = encode_toc(&sound).unwrap();
    assert!(words(&decode_toc(&bytes, &Digest::of(b"")).unwrap_err()).contains("expected e3b0c44298fc"));
}

fn file_sets() -> impl Strategy<Value = BTreeMap<String, Vec<u8>>> {
    let name = "[a-c.é-]{1,3}".prop_filter("a name", |name: &String| name != "." && name != "..");
    let path = proptest::collection::vec(name, 1..5).prop_map(|parts| format!("lib/{}", parts.join("/")));
    let content = proptest::collection::vec(any::<u8>(), 0..2000);
    proptest::collection::btree_map(path, content, 0..20).prop_map(|mut files| {
        // A path cannot be a file and a directory.
        let directories: BTreeSet<String> = files
            .keys()
            .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect::<Vec<_>>())
            .collect();
        files.retain(|path, _| !directories.contains(path));
        files
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_set_of_files_survives_and_gives_one_digest(files in file_sets()) {
        let memory = Memory(files);
        let packed = memory.pack();
        prop_assert_eq!(memory.pack().toc, packed.toc.clone());
        let (stored, digest) = encode_toc(&packed.toc).unwrap();
        prop_assert_eq!(&decode_toc(&stored, &digest).unwrap(), &packed.toc);
        let directory = tempfile::tempdir().unwrap();
        unpack(&packed.out[..], &packed.toc, directory.path()).unwrap();
        for (path, content) in &memory.0 {
            prop_assert_eq!(&std::fs::read(directory.path().join(path)).unwrap(), content);
        }
        // And a reader of tars sees the same.
        let bytes = zstd::stream::read::Decoder::new(&packed.out[..]).unwrap();
        let mut archive = tar::Archive::new(bytes);
        let mut seen = BTreeMap::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let mut content = Vec::new();
                entry.read_to_end(&mut content).unwrap();
                seen.insert(entry.path().unwrap().to_str().unwrap().to_owned(), content);
            }
        }
        prop_assert_eq!(&seen, &memory.0);
    }
}
