//! Hard backtracking: how many metadata files are read until the answer is found, beside uv on the same index.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::run::{Bench, pins, pins_of_uv};
use crate::schema::Scenario;

/// Releases of each package that is searched through.
const RELEASES: usize = 120;

/// Two lines that meet in `core`: every `front` pins the `core` of its own number, `back` wants an old one.
fn two_that_meet() -> String {
    let mut text = String::from("[root]\nrequires = [\"front\", \"back\"]\n[expected]\nsatisfiable = true\n");
    for number in 1..=RELEASES {
        write!(
            text,
            "[packages.front.versions.\"{number}\"]\nsdist = false\nrequires = [\"core=={number}\"]\n"
        )
        .unwrap();
        write!(text, "[packages.core.versions.\"{number}\"]\nsdist = false\n").unwrap();
        write!(text, "[packages.back.versions.\"{number}\"]\nsdist = false\nrequires = [\"core<=20\"]\n")
            .unwrap();
    }
    text
}

/// The shape of boto3, botocore and urllib3: a line bounds what lies two steps behind another line.
fn two_steps_behind() -> String {
    let mut text =
        String::from("[root]\nrequires = [\"front\", \"bottom>=2\"]\n[expected]\nsatisfiable = true\n");
    text +=
        "[packages.bottom.versions.\"1\"]\nsdist = false\n[packages.bottom.versions.\"2\"]\nsdist = false\n";
    for number in 1..=RELEASES {
        let bottom = if number > 20 { "bottom<2" } else { "bottom" };
        write!(
            text,
            "[packages.front.versions.\"{number}\"]\nsdist = false\nrequires = [\"core=={number}\"]\n"
        )
        .unwrap();
        write!(text, "[packages.core.versions.\"{number}\"]\nsdist = false\nrequires = [\"{bottom}\"]\n")
            .unwrap();
    }
    text
}

/// Name, scenario, the answer for `front`, and the most metadata files that may be read.
fn cases() -> [(&'static str, String, &'static str, usize); 2] {
    [
        ("two-that-meet", two_that_meet(), "20", 3 * RELEASES),
        ("two-steps-behind", two_steps_behind(), "20", 2 * RELEASES + 2),
    ]
}

#[test]
fn metadata_reads_are_bounded() {
    let bench = Bench::new();
    for (name, text, front, most) in cases() {
        let scenario: Scenario = toml::from_str(&text).unwrap();
        let folder = bench.prepare(name, &scenario);
        let ran = bench.lock(name, &folder, &scenario, &[]);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(pins(&document)["front"], front, "{name}");
        let reads = bench.index.metadata_reads(name);
        println!("{name}: {reads} metadata files of at most {most}");
        assert!(reads <= most, "{name}: {reads} metadata files were read, at most {most} are expected");
    }
}

/// As many as uv reads, and a batch of prefetches more.
#[test]
#[ignore = "soak: needs uv in UPDRAFT_TEST_PEERS"]
fn no_more_is_read_than_uv_reads() {
    let Some(peers) = std::env::var_os("UPDRAFT_TEST_PEERS") else {
        println!("skipped: UPDRAFT_TEST_PEERS names no environment with uv");
        return;
    };
    let bench = Bench::new();
    for (name, text, front, _) in cases() {
        let scenario: Scenario = toml::from_str(&text).unwrap();
        let folder = bench.prepare(name, &scenario);
        assert_eq!(bench.lock(name, &folder, &scenario, &[]).code, 0);
        let ours = bench.index.metadata_reads(name);
        let ran = bench.uv(&Path::new(&peers).join("bin/uv"), name, &folder, &scenario);
        let theirs = bench.index.metadata_reads(name);
        println!(
            "{name}: {ours} metadata files by us, {theirs} by uv ({:?})",
            pins_of_uv(&ran.stdout).get("front")
        );
        assert_eq!(pins_of_uv(&ran.stdout).get("front").map(String::as_str), Some(front), "{}", ran.stderr);
        assert!(ours <= theirs + 50, "{name}: {ours} against {theirs}");
    }
}
