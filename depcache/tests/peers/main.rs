//! The same requirements, resolved by `depcache lock` and by `uv pip compile`: the same packages in the same versions.
//!
//! What both asked of an index was recorded (`recorded/`), so that the comparison needs no network. With
//! `UPDRAFT_TEST_PEERS` naming a venv that has uv, uv is asked again over the recording.
//!
//! To record anew, against the index that pip is configured for:
//! `UPDRAFT_TEST_PEERS=VENV cargo test --test peers -- --ignored record`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test")]
#![allow(clippy::print_stdout, reason = "tests say what they skip")]

mod programs;
mod recording;
mod server;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use recording::{Live, Recorded, Recording};
use server::Server;

/// Files that need only packages of an index. The others: `all-kinds.in` and `pydantic.in` name repositories of the
/// network; `airflow2-req.in` pins releases of 2022 that have no wheels for this Python and need databases' headers to
/// build.
const FILES: [&str; 5] = ["airflow.in", "black.in", "boto3.in", "seed.txt", "trio.in"];
/// Files newer than this are not seen by either.
const CUT_OFF: &str = "2026-10-01T00:00:00Z";
/// Differences that are meant: file, package, why. A package of this list must differ.
const EXPLAINED: [(&str, &str, &str); 0] = [];

type Pins = BTreeMap<String, String>;

fn folder(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn requirements(file: &str) -> Option<PathBuf> {
    let path = folder("../../shared/fixtures/requirements").join(file);
    path.is_file().then_some(path)
}

/// What differs, one line each, beyond what is explained.
fn differences(file: &str, ours: &Pins, theirs: &Pins) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let version = |pins: &Pins, name: &str| pins.get(name).cloned().unwrap_or_else(|| "-".into());
    names
        .into_iter()
        .filter(|name| ours.get(*name) != theirs.get(*name))
        .filter(|name| !EXPLAINED.iter().any(|(of, package, _)| *of == file && package == name))
        .map(|name| format!("{file}: {name} depcache {} uv {}", version(ours, name), version(theirs, name)))
        .collect()
}

#[test]
fn the_same_packages_as_uv() {
    let mut different = Vec::new();
    for file in FILES {
        let recorded = folder("tests/peers/recorded").join(format!("{file}.json.zst"));
        let Some(path) = requirements(file) else {
            println!("skipped {file}: the requirements files are not on this machine");
            continue;
        };
        let recording = Recording::read(&recorded);
        if !programs::is_recorded_target() {
            println!("skipped {file}: recorded for CPython 3.11 on x86_64 Linux with glibc");
            continue;
        }
        let theirs = recording.pins.clone();
        let server = Server::start(Arc::new(Recorded(recording)));
        let ours =
            programs::depcache(&path, &server.url(), CUT_OFF).unwrap_or_else(|said| panic!("{file}: {said}"));
        different.extend(differences(file, &ours, &theirs));
        match programs::uv(&path, Some(&server.url()), CUT_OFF) {
            None => println!("{file}: uv was not asked again: UPDRAFT_TEST_PEERS names no venv with it"),
            Some(again) => different.extend(differences(file, &ours, &again.unwrap())),
        }
        println!("{file}: {} packages, the same", ours.len());
    }
    assert!(different.is_empty(), "{}", different.join("\n"));
}

#[test]
#[ignore = "asks the package index that pip is configured for"]
fn record() {
    for file in FILES {
        let Some(path) = requirements(file) else { continue };
        let Some(theirs) = programs::uv(&path, None, CUT_OFF) else {
            println!("UPDRAFT_TEST_PEERS names no venv with uv");
            return;
        };
        let theirs = match theirs {
            Ok(theirs) => theirs,
            Err(said) => {
                println!("{file}: uv: {said}");
                continue;
            }
        };
        let live = Arc::new(Live::new(CUT_OFF));
        let server = Server::start(live.clone());
        let ours = programs::depcache(&path, &server.url(), CUT_OFF);
        let again = programs::uv(&path, Some(&server.url()), CUT_OFF).unwrap();
        match (&ours, &again) {
            (Ok(ours), Ok(again)) => {
                println!(
                    "{file}: {:?} {:?}",
                    differences(file, ours, &theirs),
                    differences(file, again, &theirs)
                );
            }
            other => println!("{file}: {other:?}"),
        }
        let written =
            live.recording(theirs).write(&folder("tests/peers/recorded").join(format!("{file}.json.zst")));
        println!("{file}: {written} bytes");
    }
}
