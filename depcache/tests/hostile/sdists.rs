//! Source distributions whose archives break out, lie or never end.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::wheels::{Case, refuse_all};

/// A tar member, byte by byte.
fn member(path: &str, kind: u8, link: &str, declared: u64, content: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    let put = |header: &mut [u8; 512], at: usize, text: &[u8]| {
        header[at..at + text.len()].copy_from_slice(text);
    };
    put(&mut header, 0, path.as_bytes());
    put(&mut header, 100, b"0000644\0");
    put(&mut header, 124, format!("{declared:011o}\0").as_bytes());
    put(&mut header, 136, b"00000000000\0");
    put(&mut header, 148, b"        ");
    header[156] = kind;
    put(&mut header, 157, link.as_bytes());
    put(&mut header, 257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    let mut out = header.to_vec();
    out.extend(content);
    out.resize(out.len().next_multiple_of(512), 0);
    out
}

fn file(path: &str, content: &[u8]) -> Vec<u8> {
    member(path, b'0', "", content.len() as u64, content)
}

/// Records before a member that change what its header says.
fn pax(records: &[(&str, &str)]) -> Vec<u8> {
    let mut text = String::new();
    for (key, value) in records {
        let body = format!(" {key}={value}\n");
        let length = (1..10_000).find(|length| length.to_string().len() + body.len() == *length).unwrap();
        text.extend([length.to_string(), body]);
    }
    member("pax", b'x', "", text.len() as u64, text.as_bytes())
}

fn gzip(parts: &[Vec<u8>]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    out.write_all(&parts.concat()).unwrap();
    out.write_all(&[0; 1024]).unwrap();
    out.finish().unwrap()
}

/// A source distribution with a project that is read without building, and with these members.
fn case(label: &'static str, words: &'static str, members: impl Fn(&str) -> Vec<Vec<u8>> + 'static) -> Case {
    raw(label, words, move |name| gzip(&[vec![project(name)], members(name)].concat()))
}

fn project(name: &str) -> Vec<u8> {
    let text = "[build-system]\nrequires = []\nbuild-backend = 'none'\nbackend-path = ['.']\n";
    file(&format!("{name}-1/pyproject.toml"), text.as_bytes())
}

fn raw(label: &'static str, words: &'static str, make: impl Fn(&str) -> Vec<u8> + 'static) -> Case {
    Case { label, filename: "{name}-1.tar.gz", make: Box::new(make), words }
}

#[test]
fn archives_that_break_out() {
    let one = |label, words, path: &'static str| {
        case(label, words, move |name| vec![file(&path.replace("{name}", name), b"evil")])
    };
    let link = |label, words, kind: u8, target: &'static str| {
        case(label, words, move |name| vec![member(&format!("{name}-1/evil"), kind, target, 0, b"")])
    };
    refuse_all(&[
        one("climbing", "not accepted", "../evil"),
        one("climbing deeper", "not accepted", "{name}-1/../../../../../../../tmp/evil"),
        one("absolute", "not accepted", "/tmp/evil"),
        one("a backslash", "not accepted", "{name}-1\\..\\..\\evil"),
        one("a drive letter", "not accepted", "C:/evil"),
        one("a line end", "not accepted", "{name}-1/evil\n"),
        link("a link out", "points outside", b'2', "../../../evil"),
        link("an absolute link", "points outside", b'2', "/etc/passwd"),
        link("a link with a backslash", "points outside", b'2', "..\\..\\evil"),
        link("a hard link out", "not accepted", b'1', "../../etc/passwd"),
        link("a hard link to nothing", "points outside", b'1', "gone"),
        link("an absolute hard link", "not accepted", b'1', "/etc/passwd"),
        link("a device", "is a device", b'3', ""),
        link("a block device", "is a device", b'4', ""),
        link("a pipe", "is a pipe", b'6', ""),
        case("a file through a link", "in the way", |name| {
            let top = format!("{name}-1");
            vec![member(&format!("{top}/a"), b'2', ".", 0, b""), file(&format!("{top}/a/evil"), b"")]
        }),
        case("a link through a link", "points outside", |name| {
            let top = format!("{name}-1");
            vec![
                member(&format!("{top}/a"), b'2', "b/..", 0, b""),
                member(&format!("{top}/b"), b'2', "..", 0, b""),
                member(&format!("{top}/c"), b'2', "a/../../evil", 0, b""),
            ]
        }),
        case("one name twice", "in the way", |name| {
            vec![file(&format!("{name}-1/a"), b"1"), file(&format!("{name}-1/a"), b"2")]
        }),
        case("a long name that climbs", "not accepted", |name| {
            let path = format!("{name}-1/{}../../../evil", "a/../".repeat(60));
            let long = member("././@LongLink", b'L', "", path.len() as u64, path.as_bytes());
            vec![long, file("short", b"evil")]
        }),
        case("a PAX path that climbs", "not accepted", |_| {
            vec![pax(&[("path", "../../evil")]), file("short", b"evil")]
        }),
        case("a PAX link out", "points outside", |name| {
            vec![pax(&[("linkpath", "/etc/passwd")]), member(&format!("{name}-1/evil"), b'2', "safe", 0, b"")]
        }),
    ]);
}

#[test]
fn archives_that_lie_or_never_end() {
    refuse_all(&[
        raw("no archive", "neither a .tar.gz", |_| b"evil".to_vec()),
        raw("nothing in it", "cannot be used", |_| gzip(&[])),
        raw("a cut archive", "damaged", |name| {
            let noise: Vec<u8> =
                (0..40_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
            let whole = gzip(&[project(name), file(&format!("{name}-1/a"), &noise)]);
            whole[..whole.len() / 2].to_vec()
        }),
        raw("a wrong checksum at the end", "damaged", |name| {
            let mut bytes = gzip(&[project(name)]);
            let end = bytes.len();
            bytes[end - 6] ^= 0xff;
            bytes
        }),
        raw("200 MB of zeros", "unpacks to more than", |name| {
            let mut out = GzEncoder::new(Vec::new(), Compression::best());
            out.write_all(&project(name)).unwrap();
            out.write_all(&member(&format!("{name}-1/evil"), b'0', "", 200 << 20, b"")).unwrap();
            let piece = vec![0; 1 << 20];
            (0..200).for_each(|_| out.write_all(&piece).unwrap());
            out.write_all(&[0; 1024]).unwrap();
            out.finish().unwrap()
        }),
        case("a size that is not there", "cannot be used", |name| {
            vec![member(&format!("{name}-1/evil"), b'0', "", 8 << 30, b"evil")]
        }),
        case("a PAX size that is not there", "cannot be used", |name| {
            vec![pax(&[("size", "9999999999")]), file(&format!("{name}-1/evil"), b"evil")]
        }),
        raw("padding without end", "unpacks to more than", |name| {
            gzip(&[project(name), vec![0; 1024], vec![7; 4 << 20]])
        }),
        raw("another project's source", "cannot be used", |_| gzip(&[file("other-1/evil.txt", b"x")])),
    ]);
}
