//! Whatever is handed in: an answer, no panic.

use proptest::prelude::*;

use super::{Expanded, read};
use crate::requirements::lines;

/// Pieces that requirements files are made of, and what breaks them.
const PIECES: &str = "([a-c=<>!~\\[\\];@#\\\\ \\t\\n\\r\"'{}$.,:/&%é*-]|--hash|-r |-c |-e |==1|>=2|git\\+|https://h/|file:|\\.whl|\\.tar\\.gz|#egg=|sha256|python_version|os_name=='x'|a-1-py3-none-any\\.whl|--no-binary |:all:|\\$\\{A\\}|\\\\\n){0,40}";

fn check(text: &str) -> Result<(), TestCaseError> {
    let Ok(expanded) = read(&[("r.txt", text)], &[("A", "b")]) else { return Ok(()) };
    let lines: Vec<&str> = lines::physical(text).collect();
    for entry in expanded.requirements.iter().chain(&expanded.constraints) {
        prop_assert!(entry.origin.line >= 1 && entry.origin.last_line <= lines.len());
        let word: String = entry.origin.text.chars().take(1).collect();
        prop_assert!(lines[entry.origin.line - 1..entry.origin.last_line].concat().contains(&word));
    }
    round_trip(&expanded)
}

/// What was read, written in one line, is read the same.
fn round_trip(expanded: &Expanded) -> Result<(), TestCaseError> {
    for entry in &expanded.requirements {
        let line = entry.to_string();
        let hashes: Vec<String> = entry.allowed_hashes().map(|hash| format!(" --hash={hash}")).collect();
        let hashes = hashes.concat();
        let again = read(&[("r.txt", &format!("--no-require-hashes\n{line}{hashes}"))], &[]);
        let again = again.map_err(|error| TestCaseError::fail(format!("{line}: {}", error.render())))?;
        prop_assert_eq!(again.requirements.len(), 1);
        prop_assert_eq!(again.requirements[0].to_string(), line);
        prop_assert_eq!(again.requirements[0].allowed_hashes().count(), entry.allowed_hashes().count());
    }
    Ok(())
}

fn soak(cases: u32) {
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    runner.run(&PIECES, |text| check(&text)).unwrap();
    let bytes = proptest::collection::vec(any::<u8>(), 0..64);
    runner
        .run(&bytes, |bytes| {
            if let Some(text) = lines::decode(&bytes) {
                check(&text)?;
            }
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_text_is_answered() {
    soak(2000);
}

#[test]
#[ignore = "a hundred thousand cases take minutes; run it after changes of the parser"]
fn any_text_is_answered_for_long() {
    soak(100_000);
}
