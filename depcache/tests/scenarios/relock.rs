//! Locking again: old pins stay while they fit, also when the base is another one.

use serde_json::Value;

use crate::run::{Bench, pins};
use crate::schema::Scenario;

const SCENARIO: &str = r#"
[root]
requires = ["app", "tool"]
[expected]
satisfiable = true
[files]
"old.txt" = "lib<2\ntool<2\n"
[[base.distributions]]
name = "helper"
version = "1"
[packages.app.versions."1"]
requires = ["lib", "helper"]
[packages.lib.versions."1"]
[packages.lib.versions."2"]
[packages.tool.versions."1"]
[packages.tool.versions."2"]
requires = ["helper>=2"]
[packages.helper.versions."1"]
[packages.helper.versions."2"]
"#;

#[test]
fn a_new_base_changes_as_little_as_possible() {
    let bench = Bench::new();
    let mut scenario: Scenario = toml::from_str(SCENARIO).unwrap();
    let folder = bench.prepare("relock", &scenario);
    let lock = |scenario: &Scenario, more: &[&str]| {
        let arguments: Vec<&str> = ["-o", "pylock.toml"].iter().chain(more).copied().collect();
        let ran = bench.lock("relock", &folder, scenario, &arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let document: Value = serde_json::from_str(&ran.stdout).unwrap();
        pins(&document).into_iter().map(|(name, version)| format!("{name}=={version}")).collect::<Vec<_>>()
    };
    assert_eq!(lock(&scenario, &["-c", "old.txt"]), ["app==1", "lib==1", "tool==1"]);
    // The constraints are gone and newer versions exist; the image has another helper.
    scenario.base.distributions[0].version = "2".into();
    Bench::set_base(&folder, &scenario);
    assert_eq!(lock(&scenario, &[]), ["app==1", "lib==1", "tool==1"]);
    assert_eq!(lock(&scenario, &["--upgrade-package", "tool"]), ["app==1", "lib==1", "tool==2"]);
    assert_eq!(lock(&scenario, &["--upgrade"]), ["app==1", "lib==2", "tool==2"]);
}
