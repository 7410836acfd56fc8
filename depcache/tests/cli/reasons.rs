//! `diff` and `why`.

use crate::index_server::Wheel;
use crate::world::World;

#[test]
fn differences_in_words() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "beta", version: "2.0", requires: &["gamma"], code: "" });
    world.index.add(&Wheel { name: "gamma", version: "0.1", requires: &[], code: "" });
    let lock = |requirements: &str, name: &str| {
        world.write("requirements.txt", requirements);
        let ran = world.run(&["lock", "requirements.txt", "--base", "none", "-o", name]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    };
    lock("alpha\nbeta<2\n", "old.toml");
    lock("beta\n", "new.toml");
    let ran = world.run(&["diff", "old.toml", "new.toml"]);
    assert_eq!(ran.code, 1);
    insta::assert_snapshot!(ran.stdout, @"");
    let back = world.run(&["diff", "new.toml", "old.toml"]);
    insta::assert_snapshot!(back.stdout, @"");
    let same = world.run(&["diff", "old.toml", "old.toml"]);
    assert_eq!(same.code, 0);
    insta::assert_snapshot!(same.stdout, @"");
    let json = world.run(&["diff", "old.toml", "new.toml", "--format", "json"]);
    insta::assert_snapshot!(json.stdout, @"");
    let missing = world.run(&["diff", "old.toml", "none.toml"]);
    assert_eq!(missing.code, 65);
    insta::assert_snapshot!(missing.stderr, @"");
}

#[test]
fn why_a_package_is_there_or_not() {
    let world = World::with_packages();
    let wheel = |name, requires| Wheel { name, version: "1.0", requires, code: "" };
    world.index.add(&wheel(
        "top",
        &["alpha", "extra-thing; extra == 'more'", "windows-only; sys_platform == 'win32'"],
    ));
    world.index.add(&wheel("extra-thing", &[]));
    world.write("requirements.txt", "top  # the reports\n-r more.txt\nold-only; python_version < '3'\n");
    world.write("more.txt", "beta>=1\n");
    let why = |name: &str| {
        let ran = world.run(&["why", name, "--base", "none"]);
        format!("{} {}{}", ran.code, ran.stdout, ran.stderr)
    };
    insta::assert_snapshot!(why("beta"), @"");
    insta::assert_snapshot!(why("extra-thing"), @"");
    insta::assert_snapshot!(why("windows-only"), @"");
    insta::assert_snapshot!(why("old-only"), @"");
    insta::assert_snapshot!(why("unheard-of"), @"");
    world.write("requirements.txt", "top[more]\n");
    insta::assert_snapshot!(why("extra_thing"), @"");
    let json = world.run(&["why", "beta", "--base", "none", "--format", "json"]);
    insta::assert_snapshot!(json.stdout, @"");
}

#[test]
fn why_of_what_the_base_has() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let described = world.run(&["base", "describe", "--python", "python3", "-o", "image.json"]);
    assert_eq!(described.code, 0, "{}", described.stderr);
    let text = std::fs::read_to_string(world.path("image.json")).unwrap();
    let mut image: serde_json::Value = serde_json::from_str(&text).unwrap();
    image["base"]["distributions"] = serde_json::json!([
        {"name": "beta", "version": "1.0", "site_dir": "/image", "requires": []},
        {"name": "delta", "version": "3.0", "site_dir": "/image", "requires": ["beta<2", "epsilon"]},
        {"name": "epsilon", "version": "3.1", "site_dir": "/image", "requires": []},
    ]);
    world.write("image.json", &image.to_string());
    let why = |name: &str| world.run(&["why", name, "--base", "image.json"]).stdout;
    insta::assert_snapshot!(why("beta"), @"");
    insta::assert_snapshot!(why("epsilon"), @"");
}
