//! Ten conflicts as people read them, with what is proposed. `docs/reference/explanations.md` shows them beside uv's
//! words; the scenarios are `conflicts/*.toml`.

use std::path::Path;

use insta::assert_snapshot;

use crate::run::Bench;
use crate::schema::{Scenario, below};

/// All of them.
const CONFLICTS: usize = 10;

fn all() -> Vec<(String, Scenario)> {
    below(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios/conflicts"))
}

#[test]
fn conflicts_and_proposals_in_words() {
    let (bench, all) = (Bench::new(), all());
    assert_eq!(all.len(), CONFLICTS);
    for (name, scenario) in &all {
        let folder = bench.prepare(name, scenario);
        let ran = bench.lock(name, &folder, scenario, &["--propose", "--proposal-dir", "proposed"]);
        assert_eq!(ran.code, 65, "{name}: {}", ran.stderr);
        let lines = std::fs::read_to_string(folder.join("requirements.txt")).unwrap();
        let proposed = folder.join("proposed/requirements.txt");
        if proposed.is_file() {
            // What is proposed as a file is what a user puts in its place.
            std::fs::rename(proposed, folder.join("requirements.txt")).unwrap();
            let again = bench.lock(name, &folder, scenario, &[]);
            assert_eq!(again.code, 0, "{name}: the proposed file does not resolve: {}", again.stderr);
        }
        insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
            assert_snapshot!(name.as_str(), format!("{lines}\n{}", ran.stderr));
        });
    }
}

/// uv's words for the same, to compare with ours: run with `--nocapture`.
#[test]
#[ignore = "soak: needs uv in UPDRAFT_TEST_PEERS"]
fn conflicts_in_the_words_of_uv() {
    let Some(peers) = std::env::var_os("UPDRAFT_TEST_PEERS") else {
        println!("skipped: UPDRAFT_TEST_PEERS names no environment with uv");
        return;
    };
    let uv = Path::new(&peers).join("bin/uv");
    let bench = Bench::new();
    for (name, scenario) in &all() {
        let folder = bench.prepare(name, scenario);
        let ran = bench.uv(&uv, name, &folder, scenario);
        println!("== {name}: exit {}\n{}", ran.code, ran.stderr);
    }
}
