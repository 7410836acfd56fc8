//! Locks over time: written, checked, upgraded, used, refused when stale.

use crate::index_server::{Fault, Wheel};
use crate::world::{Ran, World};

/// A later day: beta has a new release, and no page of the index is remembered.
fn newer_beta(world: &mut World) {
    let cache = world.path("cache-of-later").display().to_string();
    world.set("UPDRAFT_CACHE_DIR", &cache);
    world.index.add(&Wheel { name: "beta", version: "2.0", requires: &[], code: "VALUE = 2" });
}

/// `depcache lock requirements.txt --base none` with more options.
fn lock(world: &World, options: &[&str]) -> Ran {
    world.run(&[&["lock", "requirements.txt", "--base", "none"], options].concat())
}

fn locked() -> World {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let ran = lock(&world, &["--write"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    world
}

fn versions(world: &World, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(world.path(name)).unwrap();
    let value = |line: &str, key: &str| Some(line.strip_prefix(key)?.trim_matches('"').to_owned());
    let mut names = text.lines().filter_map(|line| value(line, "name = "));
    let versions = text.lines().filter_map(|line| value(line, "version = "));
    versions.map(|version| format!("{} {version}", names.next().unwrap())).collect()
}

#[test]
fn a_check_needs_no_network() {
    let world = locked();
    world.index.set_fault(Fault::Overloaded);
    let asked = world.index.requests().len();
    let ran = lock(&world, &["--check"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, "ok  pylock.toml is what the requirements give\n"));
    assert_eq!(world.index.requests().len(), asked);
}

#[test]
fn versions_stay_until_they_are_given_up() {
    let mut world = locked();
    let before = std::fs::read(world.path("pylock.toml")).unwrap();
    newer_beta(&mut world);
    assert_eq!(lock(&world, &["--write"]).code, 0);
    assert_eq!(std::fs::read(world.path("pylock.toml")).unwrap(), before);

    let ran = lock(&world, &["--check", "--upgrade"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout, @r"
    up       beta 1.0 -> 2.0
    size     unknown: the index tells none
    ");
    insta::assert_snapshot!(ran.stderr, @r"
    resolve   1 requirements: 2 packages to install, 0 of the base kept, 0 replaced
    error: pylock.toml could be upgraded
    hint: leave out --check to take these versions
    ");

    let ran = lock(&world, &["--write", "--upgrade-package", "beta==9"]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for alpha
      - --upgrade-package:1 allows only beta==9
      - there is no such version of beta: there are 1.0 to 2.0
    hint: loosen the constraint in --upgrade-package:1
    ");
    assert_eq!(std::fs::read(world.path("pylock.toml")).unwrap(), before);

    let ran = lock(&world, &["--write", "--upgrade-package", "beta"]);
    assert_eq!((ran.code, versions(&world, "pylock.toml")), (0, vec!["alpha 1.0".into(), "beta 2.0".into()]));
    insta::assert_snapshot!(ran.stderr, @r"
    resolve   1 requirements: 2 packages to install, 0 of the base kept, 0 replaced
    up       beta 1.0 -> 2.0
    size     unknown: the index tells none
    ");

    assert_eq!(lock(&world, &["--write", "--upgrade-package", "beta==1.0"]).code, 0);
    assert_eq!(std::fs::read(world.path("pylock.toml")).unwrap(), before);
}

#[test]
fn a_stale_lock_is_told_and_refused() {
    let world = locked();
    world.write("requirements.txt", "alpha>=1\nbeta\n");
    let ran = lock(&world, &["--check"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout, @r"
    inputs   `alpha>=1` is required, the lock was made with `alpha`
    inputs   `beta` is required, and was not when the lock was made
    ");
    insta::assert_snapshot!(ran.stderr, @r"
    error: pylock.toml is not what the requirements give
    hint: lock again and commit it
    ");

    let ran = world.run(&["build", "requirements.txt", "--base", "none"]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: pylock.toml is not what requirements.txt says
      - `alpha>=1` is required, the lock was made with `alpha`
      - `beta` is required, and was not when the lock was made
    hint: lock again with `depcache lock requirements.txt -o pylock.toml` and commit it, or add --relock
    ");
    world.assert_nothing_published();

    let ran = world.run(&["build", "requirements.txt", "--base", "none", "--relock"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(lock(&world, &["--check"]).code, 0);
}

#[test]
fn a_missing_lock_is_a_failed_check() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let ran = lock(&world, &["--check"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stderr, @r"
    error: there is no pylock.toml
    hint: write it with `depcache lock … -o pylock.toml`
    ");
}

#[test]
fn a_lock_beside_the_requirements_is_used_as_it_is() {
    let mut world = locked();
    newer_beta(&mut world);
    let build = || world.run(&["build", "requirements.txt", "--base", "none"]);
    let first = build();
    assert_eq!(first.code, 0, "{}", first.stderr);
    let shown = world.run(&["show", first.stdout.trim()]);
    assert!(shown.stdout.contains(" beta 1.0 ("), "{}", shown.stdout);
    let again = build();
    assert_eq!(again.stdout, first.stdout);
    assert!(again.stderr.contains("(already built)"), "{}", again.stderr);
}

#[test]
fn a_lock_of_another_tool_is_left_aside_with_a_word() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    world.write("pylock.toml", "lock-version = \"1.0\"\ncreated-by = \"uv\"\npackages = []\n");
    let ran = world.run(&["build", "requirements.txt", "--base", "none"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let warning = ran.stderr.lines().find(|line| line.starts_with("warning:")).unwrap();
    insta::assert_snapshot!(warning, @"warning: pylock.toml was written by uv and names no base: it was left aside, and the requirements resolved");
    // And it is not overwritten by accident.
    let ran = lock(&world, &["--write"]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the lock pylock.toml cannot be used: uv wrote it, and it has no [tool.updraft] table: it says for no base and target what to install
    hint: lock with `depcache lock requirements.txt -o pylock.toml`; other tools read that lock too
    ");
    assert_eq!(lock(&world, &["--write", "--upgrade"]).code, 0);
}

/// What a repository locks for its image is what a laptop without that image gets.
#[test]
fn the_same_versions_on_a_laptop() {
    let mut world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    // An image that has beta 1.0.
    let described = world.run(&["base", "describe", "--python", "python3", "-o", "image.json"]);
    assert_eq!(described.code, 0, "{}", described.stderr);
    let text = std::fs::read_to_string(world.path("image.json")).unwrap();
    let mut image: serde_json::Value = serde_json::from_str(&text).unwrap();
    image["base"]["distributions"] =
        serde_json::json!([{"name": "beta", "version": "1.0", "site_dir": "/image", "requires": []}]);
    world.write("image.json", &image.to_string());
    let ran = world.run(&["lock", "requirements.txt", "--base", "image.json", "--write"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(versions(&world, "pylock.toml"), ["alpha 1.0"]);
    let ran = world.run(&["lock", "requirements.txt", "--base", "image.json", "--check"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ran = lock(&world, &["--check"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout, @r"
    moved    beta 1.0 of the base -> 1.0
    base     another one
    size     unknown: the index tells none
    ");
    insta::assert_snapshot!(ran.stderr, @r"
    resolve   1 requirements: 2 packages to install, 0 of the base kept, 0 replaced
    error: pylock.toml was made for another base
    hint: the requirements did not change: check against that base (--base base.json), or lock again for this one
    ");

    // Newer releases came out since.
    newer_beta(&mut world);
    world.index.add(&Wheel { name: "alpha", version: "2.0", requires: &["beta>=1"], code: "import beta" });
    let ran = world.run(&["fetch", "requirements.txt", "--base", "none", "--to", "volume"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let warning = ran.stderr.lines().find(|line| line.starts_with("warning:")).unwrap();
    insta::assert_snapshot!(warning, @"warning: pylock.toml was made for another base; resolved for this one with its versions preferred: the same versions");
    let python = std::path::Path::new(ran.stdout.trim()).join("bin/python");
    let code = "import alpha, beta; from importlib.metadata import version as v; print(v('alpha'), v('beta'), beta.VALUE)";
    let output = std::process::Command::new(python).args(["-c", code]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "1.0 1.0 1\n", "{output:?}");
}
