//! `export`.

use crate::index_server::Wheel;
use crate::world::World;

fn locked() -> World {
    let world = World::new();
    let wheel = |name, requires| Wheel { name, version: "1.0", requires, code: "" };
    world.index.add(&wheel("alpha", &["beta>=1\nLicense-Expression: Apache-2.0 OR MIT"]));
    world.index.add(&wheel("beta", &["gamma\nClassifier: License :: OSI Approved :: BSD License"]));
    world.index.add(&Wheel { name: "gamma", version: "1.0+cu1", requires: &[], code: "" });
    world.write("requirements.txt", "alpha\n");
    let ran = world.run(&["lock", "requirements.txt", "--base", "none", "--write"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    world
}

fn export(world: &World, format: &str) -> String {
    let ran = world.run(&["export", "pylock.toml", "--base", "none", "--format", format]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn licences_are_listed() {
    insta::assert_snapshot!(export(&locked(), "licenses"), @r"
    Apache-2.0 OR MIT	alpha 1.0
    BSD License	beta 1.0
    unknown	gamma 1.0+cu1
    ");
}

#[test]
fn requirements_have_hashes() {
    let text = export(&locked(), "requirements");
    let hashes = text.lines().filter(|line| line.trim_start().starts_with("--hash=sha256:")).count();
    assert_eq!(hashes, 3);
    let names: Vec<_> = text.lines().filter(|line| line.contains("==")).collect();
    assert_eq!(names, ["alpha==1.0 \\", "beta==1.0 \\", "gamma==1.0+cu1 \\"]);
}

#[test]
fn a_bill_of_materials() {
    let world = locked();
    let text = export(&world, "cyclonedx-1.6");
    assert_eq!(text, export(&world, "cyclonedx"), "the same lock has the same bytes");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let components = document["components"].as_array().unwrap();
    let told: Vec<_> = components
        .iter()
        .map(|one| format!("{} {} {}", one["purl"], one["licenses"], one["hashes"][0]["alg"]))
        .collect();
    insta::assert_snapshot!(told.join("\n"), @r#"
    "pkg:pypi/alpha@1.0" [{"expression":"Apache-2.0 OR MIT"}] "SHA-256"
    "pkg:pypi/beta@1.0" [{"license":{"name":"BSD License"}}] "SHA-256"
    "pkg:pypi/gamma@1.0%2Bcu1" null "SHA-256"
    "#);
    insta::assert_snapshot!(document["dependencies"], @r#"[{"dependsOn":["pkg:pypi/alpha@1.0"],"ref":"environment"},{"dependsOn":["pkg:pypi/beta@1.0"],"ref":"pkg:pypi/alpha@1.0"},{"dependsOn":["pkg:pypi/gamma@1.0%2Bcu1"],"ref":"pkg:pypi/beta@1.0"},{"dependsOn":[],"ref":"pkg:pypi/gamma@1.0%2Bcu1"}]"#);
    // The validator of the format's authors, where it is installed.
    let Some(python) = crate::lock_peers::peer("python") else { return };
    world.write("bom.json", &text);
    let code = "import sys
try:
    from cyclonedx.validation.json import JsonStrictValidator
    from cyclonedx.schema import SchemaVersion
except ImportError:
    sys.exit('no cyclonedx-python-lib')
error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(sys.argv[1]).read())
print('valid' if error is None else error)";
    let output = std::process::Command::new(python)
        .args(["-I", "-c", code])
        .arg(world.path("bom.json"))
        .output()
        .unwrap();
    if output.status.success() {
        assert_eq!(String::from_utf8_lossy(&output.stdout), "valid\n");
    } else {
        crate::lock_peers::not_compared("cyclonedx-python-lib is not installed beside pip and uv");
    }
}
