//! The grammar that the resolver reads, against `packaging` of the Python packaging authority: versions,
//! specifiers, markers and requirements from generators, with a fixed seed. `UPDRAFT_FUZZ_CASES` says how many of
//! each (default 3000; long runs 100000).

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "helpers of tests fail the test and say what was compared"
)]

mod compare;
mod differences;
mod grammar;
mod ours;
mod peer;
mod random;

use compare::compare;
use random::Random;
use serde_json::{Value, json};

/// Known differences are differences, and the document names them.
#[test]
fn known_differences_are_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/python-versions-and-markers.md");
    let document = std::fs::read_to_string(path).unwrap();
    for known in differences::KNOWN {
        assert!(document.contains(&format!("`{}`", known.name)), "{} is not documented", known.name);
    }
    let Some(python) = peer::python() else { return };
    let questions: Vec<Value> = differences::KNOWN.iter().map(|known| (known.example)()).collect();
    for ((known, question), theirs) in
        differences::KNOWN.iter().zip(&questions).zip(peer::ask(&python, &questions))
    {
        let ours = ours::answer(question);
        assert_ne!(ours, theirs, "{}: {question}", known.name);
        let found = differences::known(question, &ours, &theirs).map(|found| found.name);
        assert_eq!(found, Some(known.name), "{question}: {ours}, {theirs}");
    }
}

/// One text in six is damaged.
fn damaged(random: &mut Random, text: String) -> String {
    if random.one_in(6) { random.mutated(&text) } else { text }
}

#[test]
fn versions() {
    compare(1, |random| {
        let text = grammar::version(random);
        json!(["version", damaged(random, text)])
    });
}

#[test]
fn orders() {
    compare(2, |random| json!(["order", grammar::plain_version(random), grammar::plain_version(random)]));
}

#[test]
fn specifiers() {
    compare(3, |random| {
        let text = grammar::specifiers(random);
        let mut versions: Vec<_> = grammar::PROBES.iter().map(ToString::to_string).collect();
        versions.extend((0..4).map(|_| grammar::plain_version(random)));
        json!(["specifiers", damaged(random, text), versions])
    });
}

#[test]
fn requires_python() {
    compare(6, |random| {
        let text = grammar::specifiers(random);
        json!(["requires_python", damaged(random, text), grammar::PYTHONS])
    });
}

#[test]
fn markers() {
    compare(4, |random| {
        let text = grammar::marker(random, 0);
        let extra = random.pick(&["", "test", "dev-tools", "other"]);
        json!(["marker", damaged(random, text), grammar::environment(random), extra])
    });
}

#[test]
fn requirements() {
    compare(5, |random| {
        let text = grammar::requirement(random);
        let environments = [grammar::environment(random), grammar::environment(random)];
        json!(["requirement", damaged(random, text), grammar::PROBES, environments])
    });
}
