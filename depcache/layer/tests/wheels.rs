//! Wheels in, layers out: placing, determinism, refusals.
#![allow(clippy::format_collect, reason = "clarity over speed")]

mod wheel_maker;

use std::io::Cursor;

use depcache_layer::{Limits, Wheel, unpack};
use wheel_maker::{WheelMaker, layer_of, library, words, zip_of};

fn demo() -> WheelMaker {
    WheelMaker::new("Demo_Pkg", "1.0")
        .file("demo/__init__.py", "VALUE = 1\n")
        .file("demo/__pycache__/__init__.cpython-311.pyc", "stale")
        .file_with_mode("demo/tool", "binary", 0o755)
        .file("demo/data,with comma.txt", "x")
        .file("Demo_Pkg-1.0.data/scripts/run", "#!python\nprint(1)\n")
        .file("Demo_Pkg-1.0.data/data/share/demo/a.txt", "a")
        .file("Demo_Pkg-1.0.data/headers/demo.h", "#pragma once\n")
        .file(
            "Demo_Pkg-1.0.dist-info/entry_points.txt",
            "[console_scripts]\ndemo = demo:main\n[x.y]\na = b:c\n",
        )
}

#[test]
fn members_are_placed_and_record_is_new() {
    let (staging, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let packed = layer_of(&demo().zip(), &demo().filename(), staging.path()).unwrap();
    unpack(&packed.out[..], &packed.toc, out.path()).unwrap();
    let listing: String = packed
        .toc
        .entries
        .iter()
        .filter(|entry| entry.sha256.is_some())
        .map(|entry| format!("{:o} {}\n", entry.mode, entry.path))
        .collect();
    insta::assert_snapshot!(listing, @r"
    755 bin/demo
    755 bin/run
    644 include/site/python3.11/demo-pkg/demo.h
    644 lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/INSTALLER
    644 lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/METADATA
    644 lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/RECORD
    644 lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/WHEEL
    644 lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info/entry_points.txt
    644 lib/python3.11/site-packages/demo/__init__.py
    644 lib/python3.11/site-packages/demo/data,with comma.txt
    755 lib/python3.11/site-packages/demo/tool
    644 share/demo/a.txt
    ");
    let info = out.path().join("lib/python3.11/site-packages/Demo_Pkg-1.0.dist-info");
    let record = std::fs::read_to_string(info.join("RECORD")).unwrap();
    let paths: Vec<_> = depcache_layer::parse_record(&record).into_iter().map(|row| row.path).collect();
    assert!(
        paths.contains(&"../../../bin/demo".to_owned())
            && paths.contains(&"demo/data,with comma.txt".to_owned())
    );
    assert_eq!(paths.len(), 12);
    assert!(record.ends_with("Demo_Pkg-1.0.dist-info/RECORD,,\n"));
    insta::assert_snapshot!(std::fs::read_to_string(out.path().join("bin/run")).unwrap(), @r#"
    #!/bin/sh
    '''exec' "$(dirname -- "$(realpath -- "$0")")"/'python' "$0" "$@"
    ' '''
    print(1)
    "#);
    assert_eq!((packed.toc.name.as_str(), packed.toc.version.as_str()), ("demo-pkg", "1.0"));
}

#[test]
fn the_order_inside_the_zip_does_not_matter() {
    let mut digests = std::collections::BTreeSet::new();
    for turn in 0..3 {
        let staging = tempfile::tempdir().unwrap();
        let mut members = demo().members();
        match turn {
            1 => members.reverse(),
            2 => members.rotate_left(3),
            _ => {}
        }
        let packed = layer_of(&zip_of(&members), &demo().filename(), staging.path()).unwrap();
        digests.insert((packed.toc.tar_digest, domain::Digest::of(&packed.out)));
    }
    assert_eq!(digests.len(), 1);
    // The layer format: a change here is a new `domain::layer::FORMAT`.
    insta::assert_snapshot!(digests.first().unwrap().0.hex(), @"8b1269b853057f8cdf688071a6b94d3a2a3f181225d99dbbb7abca50d30ea89a");
}

#[test]
fn unsafe_wheels_are_refused_in_words() {
    let refusal = |maker: WheelMaker| {
        let staging = tempfile::tempdir().unwrap();
        words(&layer_of(&maker.zip(), &maker.filename(), staging.path()).unwrap_err())
    };
    let one = |path: &str| refusal(WheelMaker::new("demo", "1").file(path, "x"));
    let points =
        |text: &str| refusal(WheelMaker::new("demo", "1").file("demo-1.dist-info/entry_points.txt", text));
    let refusals = [
        one("../evil.py"),
        one("/etc/evil"),
        one("a/../../evil"),
        one("demo-1.data/scripts/Python3"),
        one("demo-1.data/data/pyvenv.cfg"),
        one("demo-1.data/unknown/x"),
        refusal(WheelMaker::new("demo", "1").file("a.py", "1").file("demo-1.data/purelib/a.py", "2")),
        refusal(WheelMaker::new("demo", "1").file("a", "1").file("a/b", "2")),
        refusal(WheelMaker::new("demo", "1").file("a", "1").file_with_mode("link", "/etc/passwd", 0o120_777)),
        points("[console_scripts]\n../evil = a:b\n"),
        points("[console_scripts]\npython = a:b\n"),
        points("[console_scripts]\nx = a\n"),
    ];
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    the wheel's member "../evil.py" is refused: it climbs with `..`
    the wheel's member "/etc/evil" is refused: it is absolute
    the wheel's member "a/../../evil" is refused: it climbs with `..`
    the wheel's member "demo-1.data/scripts/Python3" would replace a file that belongs to the environment
    the wheel's member "demo-1.data/data/pyvenv.cfg" would replace a file that belongs to the environment
    the wheel's member "demo-1.data/unknown/x" is in an unknown .data scheme
    two members of the wheel would be placed at "lib/python3.11/site-packages/a.py"
    two members of the wheel would be placed at "lib/python3.11/site-packages/a/b"
    the wheel's member "link" is not a plain file
    the wheel's entry point "../evil" cannot become a script: its name is not a plain file name
    the wheel's entry point "python" cannot become a script: its name belongs to the environment itself
    the wheel's entry point "x" cannot become a script: its reference is not of the form module:attribute
    "#);
}

#[test]
fn a_record_that_lies_is_a_broken_wheel() {
    let maker = WheelMaker::new("demo", "1").file("demo.py", "x = 1\n");
    let change = |from: &str, to: &str| {
        let mut members = maker.members();
        let record = members.last_mut().unwrap();
        record.1 = String::from_utf8(record.1.clone()).unwrap().replacen(from, to, 1).into_bytes();
        let staging = tempfile::tempdir().unwrap();
        layer_of(&zip_of(&members), &maker.filename(), staging.path())
            .map(|_| ())
            .map_err(|error| words(&error))
    };
    insta::assert_snapshot!(change("demo.py,sha256=", "demo.py,sha256=AA").unwrap_err(), @r#"the wheel is broken: the hash of "demo.py" is not the one that its RECORD states"#);
    insta::assert_snapshot!(change(",6\n", ",7\n").unwrap_err(), @r#"the wheel is broken: the size of "demo.py" is not the one that its RECORD states"#);
    // What no installer refuses: a member without a row.
    assert_eq!(change("demo.py,", "other.py,"), Ok(()));
}

#[test]
fn confusing_archives_are_refused() {
    let maker = WheelMaker::new("demo", "1").file("demo.py", "x = 1\n");
    let open = |bytes: Vec<u8>, limits| {
        let name = maker.filename();
        Wheel::open(Cursor::new(bytes), &name, limits).map(|_| ()).map_err(|error| words(&error))
    };
    let zip = maker.zip();
    assert_eq!(open(zip.clone(), Limits::default()), Ok(()));
    let mut renamed = zip.clone();
    // The local header says another name than the central directory.
    let at = renamed.windows(7).position(|window| window == b"demo.py").unwrap();
    renamed[at] = b'D';
    let refusals = [
        open(b"not a zip".to_vec(), Limits::default()),
        open([b"prefix".to_vec(), zip.clone()].concat(), Limits::default()),
        open(renamed, Limits::default()),
        open(zip.clone(), Limits { members: 3, ..Limits::default() }),
        open(zip.clone(), Limits { size_bytes: 10, ..Limits::default() }),
        Wheel::open(Cursor::new(&zip), "other-1-py3-none-any.whl", Limits::default())
            .map(|_| ())
            .map_err(|e| words(&e)),
        Wheel::open(Cursor::new(&zip), "demo.zip", Limits::default()).map(|_| ()).map_err(|e| words(&e)),
    ];
    let text: Vec<_> = refusals.into_iter().map(Result::unwrap_err).collect();
    insta::assert_snapshot!(text.join("\n"), @r#"
    the wheel is not a sound zip archive: invalid Zip archive: Could not find EOCD
    the wheel has 6 bytes before its zip archive
    the wheel is not a sound zip archive: invalid Zip archive: header inconsistency detected: Local file header filename mismatch (does not match central directory)
    the wheel has 4 members, more than the 3 allowed
    the wheel unpacks to 331 bytes, more than the 10 allowed
    the wheel has no .dist-info directory for "other"
    "demo.zip" is not a wheel's file name: expected name-version-python-abi-platform.whl
    "#);
}

#[test]
fn a_member_larger_than_declared_is_refused() {
    // Content of 100,000 bytes, declared as 10 in both headers.
    let maker = WheelMaker::new("demo", "1").file("bomb.txt", vec![0; 100_000]);
    let mut zip = maker.zip();
    let (real, declared) = (100_000u32.to_le_bytes(), 10u32.to_le_bytes());
    let places: Vec<_> = zip.windows(4).enumerate().filter(|(_, w)| *w == real).map(|(at, _)| at).collect();
    assert_eq!(places.len(), 2);
    for at in places {
        zip[at..at + 4].copy_from_slice(&declared);
    }
    let staging = tempfile::tempdir().unwrap();
    let error = layer_of(&zip, &maker.filename(), staging.path()).unwrap_err();
    insta::assert_snapshot!(words(&error), @r#"the wheel's member "bomb.txt" cannot be read: File is larger than its declared uncompressed size"#);
}

#[test]
fn layers_whose_libraries_are_elsewhere_are_marked() {
    let marked = |content: Vec<u8>| {
        let maker = WheelMaker::new("demo", "1").file("demo/lib/a.so", content).file("demo.libs/b.so", "");
        let staging = tempfile::tempdir().unwrap();
        layer_of(&maker.zip(), &maker.filename(), staging.path()).unwrap().toc.needs_real_directories
    };
    for (run_path, expected) in [
        ("$ORIGIN", false),
        ("$ORIGIN/../../demo.libs", false),
        ("${ORIGIN}/../../demo.libs:/usr/lib", false),
        ("/opt/lib", false),
        ("$ORIGIN/../../nvidia/cublas/lib", true),
        ("$ORIGIN:$ORIGIN/../../nvidia/cublas/lib", true),
        ("$ORIGIN/../..", true),
        ("$ORIGIN/../../../../../../x", true),
    ] {
        assert_eq!(marked(library(run_path)), expected, "{run_path}");
    }
    // Anything that is no library has no run path: cut, garbled, empty.
    let whole = library("$ORIGIN/../../nvidia/lib");
    for cut in [0, 5, 63, 100, 180] {
        assert!(!marked(whole[..cut].to_vec()), "{cut}");
    }
    for at in [32, 54, 56, 72, 128] {
        let mut garbled = whole.clone();
        garbled[at] = 0xff;
        garbled[at + 1] = 0xff;
        let _never_panics = marked(garbled);
    }
}
