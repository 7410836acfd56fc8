//! The scenarios of uv's authors.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::run::{Bench, Ran, pins, pins_of_uv};
use crate::schema::{Scenario, below};

/// How many there are; a suite that shrinks proves less.
const SCENARIOS: usize = 69;

/// Scenarios that come out otherwise, with the reason.
const DIFFERENT: [(&str, &str); 0] = [];

/// Beside the checkout, or where the variable says.
fn suite() -> Option<Vec<(String, Scenario)>> {
    let fixtures = std::env::var_os("UPDRAFT_FIXTURES")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures"), PathBuf::from);
    let folder = fixtures.join("resolver-scenarios");
    folder.is_dir().then(|| below(&folder))
}

#[test]
fn every_scenario_comes_out_as_its_authors_expect() {
    let Some(suite) = suite() else {
        println!("skipped: the scenarios are not on this machine");
        return;
    };
    let bench = Bench::new();
    let mut different = Vec::new();
    for (name, scenario) in &suite {
        let folder = bench.prepare(name, scenario);
        let ran = bench.lock(name, &folder, scenario, &[]);
        if let Err(why) = check(scenario, &ran) {
            different.push((name.clone(), why));
        }
    }
    println!("{} of {} scenarios as expected", suite.len() - different.len(), suite.len());
    for (name, why) in &different {
        println!("| {name} | {why} |");
    }
    let unexpected: Vec<_> =
        different.iter().filter(|(name, _)| !DIFFERENT.iter().any(|(known, _)| known == name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
    assert_eq!(different.len(), DIFFERENT.len(), "a difference is gone: take it off the list");
    assert_eq!(suite.len(), SCENARIOS);
}

fn check(scenario: &Scenario, ran: &Ran) -> Result<(), String> {
    if !scenario.expected.satisfiable {
        return match ran.code {
            65 if ran.stderr.contains("  - ") => Ok(()),
            65 => Err(format!("refused without a reason: {}", ran.stderr)),
            code => Err(format!("exit {code}, expected 65: {}", ran.stderr)),
        };
    }
    if ran.code != 0 {
        return Err(format!("exit {}: {}", ran.code, ran.stderr));
    }
    let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| error.to_string())?;
    let found = pins(&document);
    if scenario.expected.packages.is_empty() || found == scenario.expected.packages {
        return Ok(());
    }
    Err(format!("expected {:?}, found {found:?}", scenario.expected.packages))
}

/// uv in the same harness: what it cannot do would say more about the harness than about us.
#[test]
#[ignore = "soak: needs uv in UPDRAFT_TEST_PEERS"]
fn uv_passes_in_the_same_harness() {
    let (Some(peers), Some(suite)) = (std::env::var_os("UPDRAFT_TEST_PEERS"), suite()) else {
        println!("skipped: UPDRAFT_TEST_PEERS names no environment with uv");
        return;
    };
    let uv = Path::new(&peers).join("bin/uv");
    let bench = Bench::new();
    let mut different = Vec::new();
    for (name, scenario) in &suite {
        let folder = bench.prepare(name, scenario);
        let ran = bench.uv(&uv, name, &folder, scenario);
        let expected = &scenario.expected;
        let found = pins_of_uv(&ran.stdout);
        let fits = expected.packages.is_empty() || found == expected.packages;
        if (ran.code == 0) != expected.satisfiable || (expected.satisfiable && !fits) {
            different.push(format!("{name}: exit {}, {found:?}, {}", ran.code, ran.stderr));
        }
    }
    println!("uv: {} of {} scenarios as expected", suite.len() - different.len(), suite.len());
    assert!(different.is_empty(), "{different:#?}");
}
