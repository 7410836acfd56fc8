//! Archives that nobody's build tool makes.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use super::{RATIO_FREE_BYTES, unpack};

/// A member with a path and link target as they stand, however bad.
fn member(kind: EntryType, path: &str, target: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    let raw = header.as_old_mut();
    raw.name[..path.len()].copy_from_slice(path.as_bytes());
    raw.linkname[..target.len()].copy_from_slice(target.as_bytes());
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(content);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(EntryType::Regular, path, "", content)
}

fn symlink(path: &str, target: &str) -> Vec<u8> {
    member(EntryType::Symlink, path, target, b"")
}

fn tar_gz(members: &[Vec<u8>]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    for member in members {
        gzip.write_all(member).unwrap();
    }
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

fn zip(members: &[(&str, &[u8], u32)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, content, mode) in members {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        zip.start_file(*path, options).unwrap();
        zip.write_all(content).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// Unpacks; answers the paths that came of it, sorted, or the error. Nothing may be written beside.
fn unpacked(archive: &[u8]) -> Result<Vec<String>, String> {
    let dir = tempfile::tempdir().unwrap();
    let (path, to) = (dir.path().join("archive"), dir.path().join("deep/er/to"));
    fs::write(&path, archive).unwrap();
    fs::create_dir_all(&to).unwrap();
    let result = unpack(&path, &to);
    let beside = listed(dir.path());
    let own = ["archive", "deep", "deep/er", "deep/er/to"];
    let outside: Vec<_> = beside
        .iter()
        .filter(|path| !own.contains(&path.as_str()) && !path.starts_with("deep/er/to/"))
        .collect();
    assert!(outside.is_empty(), "written outside: {outside:?}");
    match result {
        Ok(root) => Ok(listed(&root)),
        Err(error) => Err(crate::facts::chain(&error)),
    }
}

fn listed(root: &Path) -> Vec<String> {
    let walk = walkdir::WalkDir::new(root).min_depth(1).sort_by_file_name().into_iter();
    walk.map(|entry| entry.unwrap().path().strip_prefix(root).unwrap().display().to_string()).collect()
}

#[test]
fn ordinary_archives() {
    let tar = tar_gz(&[
        member(EntryType::XGlobalHeader, "pax_global_header", "", b"11 a=bcdef\n"),
        member(EntryType::Directory, "a-1/", "", b""),
        file("a-1/setup.py", b"1"),
        file("./a-1/src/a.py", b"2"),
        symlink("a-1/docs", "src"),
        symlink("a-1/src/up", "../setup.py"),
        member(EntryType::Link, "a-1/copy.py", "a-1/setup.py", b""),
    ]);
    let expected = ["copy.py", "docs", "setup.py", "src", "src/a.py", "src/up"];
    assert_eq!(unpacked(&tar).unwrap(), expected);
    // Several top entries: the archive itself is the tree.
    let flat = tar_gz(&[file("setup.py", b"1"), file("a/b.py", b"2")]);
    assert_eq!(unpacked(&flat).unwrap(), ["a", "a/b.py", "setup.py"]);
    assert_eq!(unpacked(&zip(&[("a-1/setup.py", b"1", 0o644)])).unwrap(), ["setup.py"]);
}

#[test]
fn what_would_leave_the_directory() {
    let refused = [
        tar_gz(&[file("../evil", b"x")]),
        tar_gz(&[file("a/../../../evil", b"x")]),
        tar_gz(&[file("/tmp/evil-of-a-test", b"x")]),
        tar_gz(&[file("a\\..\\evil", b"x")]),
        tar_gz(&[file("a/\u{1}b", b"x")]),
        tar_gz(&[symlink("a/l", "/etc"), file("a/l/passwd", b"x")]),
        tar_gz(&[symlink("a/l", "../../.."), file("a/b", b"x")]),
        tar_gz(&[symlink("a/l", "b"), symlink("a/m", "l/../../../../evil"), file("a/b/c", b"x")]),
        tar_gz(&[symlink("a/l", ".."), symlink("a/m", "l/x"), file("a/b", b"x")]),
        tar_gz(&[symlink("a/l", "b"), file("a/l/c", b"x")]),
        tar_gz(&[file("a/b", b"x"), member(EntryType::Link, "a/l", "/etc/passwd", b"")]),
        tar_gz(&[file("a/b", b"x"), member(EntryType::Link, "a/l", "../etc/passwd", b"")]),
        zip(&[("../evil", b"x", 0o644)]),
        zip(&[("/evil", b"x", 0o644)]),
    ];
    let said: Vec<String> = refused.iter().map(|archive| unpacked(archive).unwrap_err()).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    its member ../evil has a path that is not accepted: it climbs with `..`
    its member a/../../../evil has a path that is not accepted: it climbs with `..`
    its member /tmp/evil-of-a-test has a path that is not accepted: it is absolute
    its member a\\..\\evil has a path that is not accepted: it has a backslash or a control character
    its member a/\u{1}b has a path that is not accepted: it has a backslash or a control character
    its link a/l points outside the archive: /etc
    its link a/l points outside the archive: ../../..
    its link a/m points outside the archive: l/../../../../evil
    its link a/m points outside the archive: l/x
    its member a/l is in the way of another one
    its member /etc/passwd has a path that is not accepted: it is absolute
    its member ../etc/passwd has a path that is not accepted: it climbs with `..`
    its member ../evil has a path that is not accepted: it climbs with `..`
    its member /evil has a path that is not accepted: it is absolute
    ");
}

#[test]
fn what_is_no_file() {
    let refused = [
        tar_gz(&[member(EntryType::Char, "a/null", "", b"")]),
        tar_gz(&[member(EntryType::Block, "a/disk", "", b"")]),
        tar_gz(&[member(EntryType::Fifo, "a/pipe", "", b"")]),
        tar_gz(&[file("a/b", b"1"), file("a/b", b"2")]),
        tar_gz(&[file("a/b", b"1"), file("a/b/c", b"2")]),
        tar_gz(&[file("a/b/c", b"1"), file("a/b", b"2")]),
        tar_gz(&[]),
        b"BZh91AY&SY".to_vec(),
        b"".to_vec(),
    ];
    let said: Vec<String> = refused.iter().map(|archive| unpacked(archive).unwrap_err()).collect();
    insta::assert_snapshot!(said.join("\n"), @r"
    its member a/null is a device
    its member a/disk is a device
    its member a/pipe is a pipe
    its member a/b is in the way of another one
    its member a/b is in the way of another one
    its member a/b is in the way of another one
    there is nothing in it
    it is neither a .tar.gz nor a .zip archive
    it is neither a .tar.gz nor a .zip archive
    ");
}

#[test]
fn damage_is_seen_everywhere() {
    let whole = tar_gz(&[file("a/b", &[7; 5000]), file("a/c", b"x")]);
    for cut in [1, 5, 20, whole.len() / 2, whole.len() - 9, whole.len() - 1] {
        assert!(unpacked(&whole[..cut]).is_err(), "cut at {cut} of {}", whole.len());
    }
    // One wrong bit of the content: the checksum at the end of the stream says so.
    let mut stored = GzEncoder::new(Vec::new(), Compression::none());
    stored.write_all(&file("a/b", &[7; 5000])).unwrap();
    stored.write_all(&[0; 1024]).unwrap();
    let mut stored = stored.finish().unwrap();
    stored[2000] ^= 1;
    assert!(unpacked(&stored).is_err());
    // More in the file than the header says, and less.
    let mut short = member(EntryType::Regular, "a/b", "", b"four");
    short[124..136].copy_from_slice(b"77777777777\0");
    let mut header = Header::from_byte_slice(&short[..512]).clone();
    header.set_cksum();
    short[..512].copy_from_slice(header.as_bytes());
    assert!(unpacked(&tar_gz(&[short])).is_err());
    let mut zipped = zip(&[("a/b", &[7; 500], 0o644)]);
    zipped[40] ^= 0xff;
    assert!(unpacked(&zipped).is_err());
}

#[test]
fn bombs_end_before_the_disk_does() {
    let zeros = vec![0u8; 4 << 20];
    let count = usize::try_from(RATIO_FREE_BYTES).unwrap() / zeros.len() + 2;
    let many: Vec<_> = (0..count).map(|at| file(&format!("a/{at}"), &zeros)).collect();
    let said = unpacked(&tar_gz(&many)).unwrap_err();
    assert_eq!(said, format!("it unpacks to more than {RATIO_FREE_BYTES} bytes"));
    let names: Vec<String> = (0..count).map(|at| format!("a/{at}")).collect();
    let members: Vec<_> = names.iter().map(|name| (name.as_str(), zeros.as_slice(), 0o644)).collect();
    assert_eq!(unpacked(&zip(&members)).unwrap_err(), said);
}

#[test]
fn links_in_zips_follow_the_same_rules() {
    let linked = |target: &str| {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file("a/b", options).unwrap();
        zip.add_symlink("a/l", target, options).unwrap();
        unpacked(&zip.finish().unwrap().into_inner())
    };
    assert_eq!(linked("b").unwrap(), ["b", "l"]);
    assert!(linked("../../etc").unwrap_err().contains("points outside"));
    assert!(linked("/etc/passwd").unwrap_err().contains("points outside"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(64))]

    /// Whatever members are called and point to: either refused, or all inside (`unpacked` looks).
    #[test]
    fn no_path_escapes(paths in proptest::collection::vec(("[ab./]{1,12}", "[ab./]{1,12}", 0..3u8), 1..6)) {
        let members: Vec<_> = paths.iter().map(|(path, target, kind)| match kind {
            0 => file(path, b"x"),
            1 => symlink(path, target),
            _ => member(EntryType::Link, path, target, b""),
        }).collect();
        drop(unpacked(&tar_gz(&members)));
    }
}
