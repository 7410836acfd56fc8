//! Scenarios of ours: base, constraints, hashes, several indexes, overrides, exclusions, strategies, cut-offs.

use std::path::Path;

use serde_json::Value;

use crate::run::{Bench, Ran, pins};
use crate::schema::{Scenario, below};

/// How many there must be at least.
const AT_LEAST: usize = 25;

#[test]
fn every_scenario_of_ours_comes_out_as_expected() {
    let suite = below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/own"));
    assert!(suite.len() >= AT_LEAST, "only {}", suite.len());
    let bench = Bench::new();
    let mut failed = Vec::new();
    for (name, scenario) in &suite {
        let folder = bench.prepare(name, scenario);
        let ran = bench.lock(name, &folder, scenario, &[]);
        if let Err(why) = check(scenario, &ran) {
            failed.push(format!("{name}: {why}\n{}", ran.stderr));
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), suite.len(), failed.join("\n"));
}

fn check(scenario: &Scenario, ran: &Ran) -> Result<(), String> {
    let expected = &scenario.expected;
    if let Some(missing) = expected.says.iter().find(|text| !ran.stderr.contains(*text)) {
        return Err(format!("does not say {missing:?}"));
    }
    let code = if expected.satisfiable { 0 } else { 65 };
    if ran.code != code {
        return Err(format!("exit {}, expected {code}", ran.code));
    }
    if !expected.satisfiable {
        return Ok(());
    }
    let document: Value = serde_json::from_str(&ran.stdout).map_err(|error| error.to_string())?;
    let found = pins(&document);
    if (expected.nothing || !expected.packages.is_empty()) && found != expected.packages {
        return Err(format!("expected {:?}, found {found:?}", expected.packages));
    }
    if let Some(mode) = &expected.mode
        && document["mode"] != **mode
    {
        return Err(format!("mode is {}, expected {mode}", document["mode"]));
    }
    for (name, version) in &expected.kept {
        if document["kept"][name] != **version {
            return Err(format!("kept are {}", document["kept"]));
        }
    }
    if let Some(shadows) = &expected.shadows {
        let found: Vec<_> = document["shadows"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|one| one["name"].as_str())
            .collect();
        if found != *shadows {
            return Err(format!("shadows {found:?}, expected {shadows:?}"));
        }
    }
    Ok(())
}
