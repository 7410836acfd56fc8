//! Every kind of bad input: exit code, message, and nothing published.

use insta::assert_snapshot;

use crate::index_server::{Fault, Wheel};
use crate::world::World;

/// Exit code and standard error of a build that must fail without publishing anything.
fn refused(world: &World, requirements: &str) -> String {
    let ran = world.build(requirements);
    world.assert_nothing_published();
    assert_eq!(ran.stdout, "");
    format!("exit {}\n{}", ran.code, ran.stderr)
}

#[test]
fn malformed_line() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\n# fine\nbeta = 1\n"), @"");
}

#[test]
fn missing_file() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\n-r more.txt\n"), @"");
}

#[test]
fn unknown_package() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\nnever-heard-of\n"), @"");
}

#[test]
fn impossible_pins() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "gamma", version: "2.0", requires: &["beta<1"], code: "" });
    assert_snapshot!(refused(&world, "alpha==1.0\ngamma==2.0\n"), @"");
}

#[test]
fn hash_that_no_file_has() {
    let world = World::with_packages();
    let hash = "0".repeat(64);
    assert_snapshot!(refused(&world, &format!("beta==1.0 --hash=sha256:{hash}\n")), @"");
}

#[test]
fn file_that_changed_on_the_index() {
    let world = World::with_packages();
    world.index.set_fault(Fault::FilesChanged);
    assert_snapshot!(refused(&world, "beta\n"), @"");
}

#[test]
fn metadata_that_lies() {
    let world = World::with_packages();
    world.index.set_fault(Fault::MetadataLies);
    assert_snapshot!(refused(&world, "beta\n"), @"");
}

#[test]
fn index_unreachable() {
    let mut world = World::with_packages();
    // Port 9 of loopback: nobody listens there, and nobody will.
    world.set("UPDRAFT_INDEX_URL", "http://user:secret@127.0.0.1:9/simple");
    let told = refused(&world, "alpha\n");
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @"");
}

#[test]
fn index_wants_credentials() {
    let world = World::with_packages();
    world.index.set_fault(Fault::Unauthorized);
    assert_snapshot!(refused(&world, "alpha\n"), @"");
}

#[test]
fn index_is_overloaded() {
    let world = World::with_packages();
    world.index.set_fault(Fault::Overloaded);
    assert_snapshot!(refused(&world, "alpha\n"), @"");
}

#[test]
fn index_is_none() {
    let world = World::with_packages();
    world.index.set_fault(Fault::NoIndex);
    assert_snapshot!(refused(&world, "alpha\n"), @"");
}

#[test]
fn index_is_silent() {
    let mut world = World::with_packages();
    world.set("UPDRAFT_INDEX_TIMEOUT_S", "1");
    world.index.set_fault(Fault::Silent);
    assert_snapshot!(refused(&world, "alpha\n"), @"");
}

#[test]
fn files_are_gone() {
    let world = World::with_packages();
    world.index.set_fault(Fault::FilesGone);
    assert_snapshot!(refused(&world, "beta==1.0\n"), @"");
}

#[test]
fn broken_wheel() {
    let world = World::new();
    let metadata = "Metadata-Version: 2.1\nName: beta\nVersion: 1.0\n".to_owned();
    world.index.add_bytes("beta", "beta-1.0-py3-none-any.whl", b"no zip".to_vec(), Some(metadata));
    assert_snapshot!(refused(&world, "beta\n"), @"");
}

#[test]
fn package_that_does_not_import() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "gamma", version: "1.0", requires: &[], code: "import nothing_there" });
    let ran = world.build("gamma\n");
    assert!(!world.stored().iter().any(|key| key.starts_with("v1/aliases/")));
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"");
}

#[test]
fn lock_of_another_base() {
    let world = World::with_packages();
    world.write("requirements.txt", "beta\n");
    let locked = world.run(&["lock", "requirements.txt", "--base", "none", "-o", "pylock.toml"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    let text = std::fs::read_to_string(world.path("pylock.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("base-id")).unwrap();
    let other = format!("base-id = \"{}\"", "1".repeat(64));
    world.write("pylock.toml", &text.replace(line, &other));
    let ran = world.run(&["build", "pylock.toml", "--base", "none"]);
    assert_eq!(ran.code, 65);
    assert!(
        ran.stderr.starts_with("error: the lock is for base 111111111111, this base is "),
        "{}",
        ran.stderr
    );
}

#[test]
fn interpreter_that_is_not_there() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let ran = world.run(&["build", "requirements.txt", "--base", "none", "--python", "python9"]);
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"");
}

#[test]
fn index_address_that_is_none() {
    let mut world = World::with_packages();
    world.set("UPDRAFT_INDEX_URL", "ftp://me:secret@host.example/simple");
    let told = refused(&world, "alpha\n");
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @"");
}
