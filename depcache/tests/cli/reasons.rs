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
    insta::assert_snapshot!(ran.stdout, @r"
    removed  alpha 1.0
    up       beta 1.0 -> 2.0
    added    gamma 0.1
    size     unknown: the index tells none
    ");
    let back = world.run(&["diff", "new.toml", "old.toml"]);
    insta::assert_snapshot!(back.stdout, @r"
    added    alpha 1.0
    down     beta 2.0 -> 1.0
    removed  gamma 0.1
    size     unknown: the index tells none
    ");
    let same = world.run(&["diff", "old.toml", "old.toml"]);
    assert_eq!(same.code, 0);
    insta::assert_snapshot!(same.stdout, @r"
    the same packages
    size     unknown: the index tells none
    ");
    let json = world.run(&["diff", "old.toml", "new.toml", "--format", "json"]);
    insta::assert_snapshot!(json.stdout, @r#"
    {
      "base_changed": false,
      "download_bytes": 0,
      "mode": null,
      "new_bytes": 0,
      "old_bytes": 0,
      "packages": [
        {
          "kind": "removed",
          "name": "alpha",
          "new": null,
          "old": {
            "bytes": null,
            "of_base": false,
            "source": "alpha-1.0-py3-none-any.whl",
            "version": "1.0"
          }
        },
        {
          "kind": "up",
          "name": "beta",
          "new": {
            "bytes": null,
            "of_base": false,
            "source": "beta-2.0-py3-none-any.whl",
            "version": "2.0"
          },
          "old": {
            "bytes": null,
            "of_base": false,
            "source": "beta-1.0-py3-none-any.whl",
            "version": "1.0"
          }
        },
        {
          "kind": "added",
          "name": "gamma",
          "new": {
            "bytes": null,
            "of_base": false,
            "source": "gamma-0.1-py3-none-any.whl",
            "version": "0.1"
          },
          "old": null
        }
      ],
      "schema": 1,
      "unknown_sizes": 4
    }
    "#);
    let missing = world.run(&["diff", "old.toml", "none.toml"]);
    assert_eq!(missing.code, 65);
    insta::assert_snapshot!(missing.stderr, @r"
    error: there is no lock none.toml
    hint: expected a pylock.toml or the id of an environment
    ");
}

#[test]
fn why_a_package_is_there_or_not() {
    let world = World::with_packages();
    let wheel = |name, requires| Wheel { name, version: "1.0", requires, code: "" };
    world.index.add(&wheel(
        "top",
        &["alpha", "extrathing; extra == 'more'", "windows-only; sys_platform == 'win32'"],
    ));
    world.index.add(&wheel("extrathing", &[]));
    world.write("requirements.txt", "top  # the reports\n-r more.txt\nold-only; python_version < '3'\n");
    world.write("more.txt", "beta>=1\n");
    let why = |name: &str| {
        let ran = world.run(&["why", name, "--base", "none"]);
        format!("{} {}{}", ran.code, ran.stdout, ran.stderr)
    };
    insta::assert_snapshot!(why("beta"), @r"
    0 beta 1.0 is installed
      requirements.txt:1 requires top
        top 1.0 requires alpha
          alpha 1.0 requires beta>=1
      more.txt:1 requires beta>=1
    ");
    insta::assert_snapshot!(why("extrathing"), @r"
    1 extrathing is not in the environment
      does not count: top 1.0 requires extrathing ; extra == 'more': only with extra more, which nothing asks for
    ");
    insta::assert_snapshot!(why("windows-only"), @r"
    1 windows-only is not in the environment
      does not count: top 1.0 requires windows-only ; sys_platform == 'win32': its marker does not hold for this Python and platform
    ");
    insta::assert_snapshot!(why("old-only"), @r"
    1 old-only is not in the environment
      does not count: requirements.txt:3 requires old-only ; python_full_version < '3': its marker does not hold for this Python and platform
    ");
    insta::assert_snapshot!(why("unheard-of"), @r"
    1 unheard-of is not in the environment
      nothing in the environment names it
    ");
    world.write("requirements.txt", "top[more]\n");
    insta::assert_snapshot!(why("ExtraThing"), @r"
    0 extrathing 1.0 is installed
      requirements.txt:1 requires top[more]
        top 1.0 requires extrathing ; extra == 'more'
    ");
    let json = world.run(&["why", "beta", "--base", "none", "--format", "json"]);
    insta::assert_snapshot!(json.stdout, @r#"
    {
      "also": [],
      "chains": [
        [
          {
            "by": "requirements.txt:1",
            "requirement": "top[more]"
          },
          {
            "by": "top 1.0",
            "requirement": "alpha"
          },
          {
            "by": "alpha 1.0",
            "requirement": "beta>=1"
          }
        ]
      ],
      "name": "beta",
      "not_applying": [],
      "of_base": false,
      "schema": 1,
      "version": "1.0"
    }
    "#);
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
    insta::assert_snapshot!(why("beta"), @r"
    beta 1.0 of the base stays as it is
      requirements.txt:1 requires alpha
        alpha 1.0 requires beta>=1
      also: delta 3.0 of the base requires beta<2
    ");
    insta::assert_snapshot!(why("epsilon"), @r"
    epsilon 3.1 of the base stays as it is
      none of your requirements needs it
      also: delta 3.0 of the base requires epsilon
    ");
}
