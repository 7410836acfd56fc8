//! Both sides are asked the same.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::random::Random;
use crate::{differences, ours, peer};

/// Cases of each kind in ordinary runs: some seconds.
const CASES: usize = 3000;
/// Unknown differences that are printed.
const SHOWN: usize = 40;

fn cases() -> usize {
    std::env::var("UPDRAFT_FUZZ_CASES").ok().and_then(|count| count.parse().ok()).unwrap_or(CASES)
}

/// Asks both sides and fails on a difference that nobody explained.
pub(crate) fn compare(seed: u64, question: impl Fn(&mut Random) -> Value) {
    let Some(python) = peer::python() else { return };
    let mut random = Random::new(seed);
    let questions: Vec<Value> = (0..cases()).map(|_| question(&mut random)).collect();
    let answers = peer::ask(&python, &questions);
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut refused = 0;
    for (question, theirs) in questions.iter().zip(&answers) {
        let ours = ours::answer(question);
        refused += usize::from(theirs.is_null());
        if ours == *theirs {
            continue;
        }
        match differences::known(question, &ours, theirs) {
            Some(one) => *known.entry(one.name).or_default() += 1,
            None => unknown.push(format!("{question}\n  ours   {ours}\n  theirs {theirs}")),
        }
    }
    println!("{} cases, {refused} of them refused, known differences {known:?}", questions.len());
    assert!(
        unknown.is_empty(),
        "{} unknown differences:\n{}",
        unknown.len(),
        unknown[..unknown.len().min(SHOWN)].join("\n")
    );
}
