//! What a build publishes, and that it is the same again.

use crate::index_server::{Fault, Wheel};
use crate::world::World;

#[test]
fn builds_publishes_and_fetches() {
    let world = World::with_packages();
    let built = world.build("alpha\n");
    assert_eq!(built.code, 0, "{}", built.stderr);
    let env_id = built.stdout.trim();
    let keys = world.stored();
    for part in [
        format!("v1/envs/{env_id}.json"),
        format!("v1/envs/{env_id}.attestation.json"),
        "v1/aliases/".into(),
        "v1/locks/".into(),
        "v1/wheels/".into(),
    ] {
        assert!(keys.iter().any(|key| key.starts_with(&part)), "{part} is not among {keys:?}");
    }
    let fetched = world.run(&["fetch", env_id, "--to", "volume", "--base", "none"]);
    assert_eq!(fetched.code, 0, "{}", fetched.stderr);
    let python = std::path::Path::new(fetched.stdout.trim()).join("bin/python");
    let ran = std::process::Command::new(python)
        .args(["-I", "-c", "import alpha; print(alpha.beta.VALUE)"])
        .output();
    assert_eq!(String::from_utf8_lossy(&ran.unwrap().stdout), "1\n");

    let verified = world.run(&["verify", env_id]);
    assert_eq!((verified.code, verified.stdout.as_str()), (0, "ok  2 layers, all digests match\n"));
    let shown = world.run(&["show", env_id]);
    assert!(shown.stdout.contains("requested  alpha\n"), "{}", shown.stdout);
}

#[test]
fn the_second_build_asks_nobody() {
    let world = World::with_packages();
    let first = world.build("alpha\n");
    let asked = world.index.requests().len();
    world.index.set_fault(Fault::Unauthorized);
    let second = world.build("# another comment\nalpha\n");
    assert_eq!((second.code, second.stdout), (0, first.stdout), "{}", second.stderr);
    assert_eq!(world.index.requests().len(), asked);
}

#[test]
fn another_cache_gives_the_same_environment_and_reuses_layers() {
    let mut world = World::with_packages();
    let first = world.build("alpha\n");
    world.set("UPDRAFT_CACHE_DIR", &world.path("other-cache").display().to_string());
    // Another request with the same answer.
    let second = world.build("alpha\nbeta\n");
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.stderr.contains("0 built, 2 reused"), "{}", second.stderr);
    assert_ne!(second.stdout, first.stdout, "requested packages are part of an environment");
}

#[test]
fn a_lock_builds_the_same_layers_without_addresses() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let locked = world.run(&["lock", "requirements.txt", "--base", "none", "--no-urls", "-o", "pylock.toml"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    let text = std::fs::read_to_string(world.path("pylock.toml")).unwrap();
    assert!(!text.contains("127.0.0.1"), "{text}");
    let from_lock = world.run(&["build", "pylock.toml", "--base", "none"]);
    let from_requirements = world.build("alpha\n");
    assert_eq!((from_lock.code, from_lock.stdout), (0, from_requirements.stdout), "{}", from_lock.stderr);
}

#[test]
fn an_earlier_lock_is_preferred_until_an_upgrade() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let lock = |more: &[&str]| {
        let mut arguments = vec!["lock", "requirements.txt", "--base", "none", "-o", "pylock.toml"];
        arguments.extend(more);
        let ran = world.run(&arguments);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        std::fs::read_to_string(world.path("pylock.toml")).unwrap()
    };
    assert!(lock(&[]).contains("beta-1.0-"));
    world.index.add(&Wheel { name: "beta", version: "1.1", requires: &[], code: "" });
    // Pages are fresh for ten minutes: what the index has new is seen with another cache.
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    assert!(lock(&[]).contains("beta-1.0-"));
    assert!(lock(&["--upgrade-package", "beta"]).contains("beta-1.1-"));
}

#[test]
fn offline_works_from_the_cache_alone() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let arguments = ["lock", "requirements.txt", "--base", "none"];
    let first = world.run(&arguments);
    world.index.set_fault(Fault::Silent);
    let second = world.run(&[&arguments[..], &["--offline"]].concat());
    assert_eq!((second.code, second.stdout), (0, first.stdout), "{}", second.stderr);
}
