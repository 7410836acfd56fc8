//! Wheels, archives and directories by address and path: locked, built, imported.

use std::fmt::Write as _;

use insta::assert_snapshot;

use crate::index_server::{Wheel, pack};
use crate::project;
use crate::world::World;

fn alpha(requires: &[&str]) -> Vec<u8> {
    pack(&Wheel { name: "alpha", version: "1.0", requires, code: "import beta" }).0
}

fn world() -> World {
    let world = World::new();
    world.index.add(&Wheel { name: "beta", version: "1.0", requires: &[], code: "" });
    world
}

fn write_bytes(world: &World, name: &str, bytes: &[u8]) {
    let path = world.path(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// The tables of the package in the lock.
fn locked(world: &World, package: &str) -> String {
    let ran = world.run(&["lock", "requirements.txt", "--base", "none"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let port = format!(":{}", world.index.port());
    let tables = ran.stdout.split("[[packages]]").find(|text| text.contains(&format!("name = {package:?}")));
    let mut shown = String::new();
    for line in tables.unwrap().split("\n[tool.updraft]").next().unwrap().trim().lines() {
        shown.push_str(&crate::world::without_digests(line));
        shown.push('\n');
    }
    shown.replace(&port, ":[PORT]").replace(&world.path("").display().to_string(), "[DIR]/")
}

fn built(world: &World, requirements: &str) -> String {
    let ran = world.build(requirements);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stderr
}

#[test]
fn a_wheel_by_path() {
    let world = world();
    write_bytes(&world, "wheels/alpha-1.0-py3-none-any.whl", &alpha(&["beta"]));
    let said = built(&world, "./wheels/alpha-1.0-py3-none-any.whl\n");
    assert!(said.contains("layers    2 built, 0 reused"), "{said}");
    assert_snapshot!(locked(&world, "alpha"), @r#"
    name = "alpha"
    dependencies = [
        { name = "beta" },
    ]
    archive = { path = "./wheels/alpha-1.0-py3-none-any.whl", size = 736, hashes = { sha256 = "[DIGEST]" } }

    [packages.tool.updraft]
    version = "1.0"
    "#);
    // Another content is another requirement, although the line is the same.
    let other = pack(&Wheel { name: "alpha", version: "1.0", requires: &[], code: "" }).0;
    write_bytes(&world, "wheels/alpha-1.0-py3-none-any.whl", &other);
    let said = built(&world, "./wheels/alpha-1.0-py3-none-any.whl\n");
    assert!(said.contains("layers    1 built, 0 reused"), "{said}");
}

#[test]
fn a_wheel_by_address() {
    let world = world();
    world.index.add_bytes("elsewhere", "alpha-1.0-py3-none-any.whl", alpha(&["beta"]), None);
    let base = world.index.url().replace("/simple", "");
    let line = format!("alpha @ {base}/files/alpha-1.0-py3-none-any.whl\n");
    built(&world, &line.replace("http://", "http://me:secret@"));
    let lock = locked(&world, "alpha");
    assert!(!lock.contains("secret"));
    assert_snapshot!(lock, @r#"
    name = "alpha"
    dependencies = [
        { name = "beta" },
    ]
    archive = { url = "http://127.0.0.1:[PORT]/files/alpha-1.0-py3-none-any.whl", size = 736, hashes = { sha256 = "[DIGEST]" } }

    [packages.tool.updraft]
    version = "1.0"
    "#);
}

#[test]
fn directories_and_archives_are_built() {
    let world = world();
    project::write(&world.path("gamma"), "gamma", "1.5", &["beta"]);
    write_bytes(&world, "dist/main.zip", &project::zipped("repo-main/python", "delta", "2.0"));
    let said = built(&world, "-e ./gamma\ndelta @ ./dist/main.zip#subdirectory=python\n");
    assert!(said.contains("requirements.txt:1: -e installs a copy"), "{said}");
    assert_snapshot!(locked(&world, "gamma") + &locked(&world, "delta"), @r#"
    name = "gamma"
    dependencies = [
        { name = "beta" },
    ]
    directory = { path = "./gamma", editable = true }

    [packages.tool.updraft]
    version = "1.5"
    name = "delta"
    archive = { path = "./dist/main.zip", size = 1075, hashes = { sha256 = "[DIGEST]" }, subdirectory = "python" }

    [packages.tool.updraft]
    version = "2.0"
    "#);
    // A name that stands in the project need not be written.
    let said = built(&world, "./gamma\n./dist/main.zip#subdirectory=python\n");
    assert!(said.contains("already built"), "the same requirements: {said}");
}

#[test]
fn a_lock_with_places_is_built() {
    let world = world();
    project::write(&world.path("gamma"), "gamma", "1.5", &["beta"]);
    write_bytes(&world, "alpha-1.0-py3-none-any.whl", &alpha(&["beta"]));
    world.write("requirements.txt", "./gamma\n./alpha-1.0-py3-none-any.whl\n");
    let locked = world.run(&["lock", "requirements.txt", "--base", "none", "-o", "pylock.toml"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    let ran = world.run(&["build", "pylock.toml", "--base", "none"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    write_bytes(&world, "alpha-1.0-py3-none-any.whl", &alpha(&[]));
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    std::fs::remove_dir_all(world.path("store")).unwrap();
    let ran = world.run(&["build", "pylock.toml", "--base", "none"]);
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 65
    error: what a requirement names by its place cannot be had: alpha-1.0-py3-none-any.whl cannot be read: alpha-1.0-py3-none-any.whl has another content than promised: expected sha256 [DIGEST], got [DIGEST]
    hint: the file changed on the index or on the way; do not install it before you know why
    ");
}

#[test]
fn what_cannot_be_taken_is_told() {
    let world = world();
    world.index.add(&Wheel {
        name: "epsilon",
        version: "1.0",
        requires: &["beta @ https://host.example/beta-1.0-py3-none-any.whl"],
        code: "",
    });
    write_bytes(&world, "alpha-1.0-py3-none-any.whl", &alpha(&["beta"]));
    let beta = pack(&Wheel { name: "beta", version: "1.0", requires: &[], code: "" }).0;
    write_bytes(&world, "beta-1.0-py3-none-any.whl", &beta);
    write_bytes(&world, "copy/alpha-1.0-py3-none-any.whl", &alpha(&["beta"]));
    write_bytes(&world, "zeta-1.0-cp27-none-win32.whl", &alpha(&[]));
    project::write(&world.path("gamma"), "gamma", "1.5", &["beta"]);
    let base = world.index.url().replace("/simple", "");
    let cases = [
        "./missing.whl\n".to_owned(),
        "x @ ./missing\n".to_owned(),
        "./requirements.txt\n".to_owned(),
        "./alpha-1.0-py3-none-any.whl\nalpha @ ./copy/alpha-1.0-py3-none-any.whl\n".to_owned(),
        "./alpha-1.0-py3-none-any.whl\nalpha>=2\n".to_owned(),
        "other @ ./gamma\n".to_owned(),
        "epsilon\n".to_owned(),
        "./zeta-1.0-cp27-none-win32.whl\n".to_owned(),
        format!("alpha @ {base}/files/alpha-1.0-py3-none-any.whl\n"),
        format!("./beta-1.0-py3-none-any.whl --hash=sha256:{}\n", "0".repeat(64)),
        format!("./beta-1.0-py3-none-any.whl#sha256={}\n", "0".repeat(64)),
        "--require-hashes\n./gamma\n".to_owned(),
    ];
    let mut shown = String::new();
    for case in cases {
        let ran = world.build(&case);
        shown.push_str(
            &case
                .replace(&format!(":{}", world.index.port()), ":[PORT]")
                .replace(&"0".repeat(64), "[DIGEST]"),
        );
        writeln!(shown, "exit {}\n{}", ran.code, ran.stderr).unwrap();
    }
    // The one that depends on the machine.
    let (before, target) = shown.split_once("the target is ").unwrap();
    let shown = format!("{before}the target is [TARGET]{}", &target[target.find('\n').unwrap()..]);
    assert_snapshot!(shown, @"
    ./missing.whl
    exit 65
    error: requirements.txt:1: `missing.whl` cannot be installed: its name is not that of a wheel
      1 | ./missing.whl
    hint: a wheel is named like `name-1.0-py3-none-any.whl`

    x @ ./missing
    exit 65
    error: x cannot be taken from ./missing: there is no ./missing
    hint: paths of requirements are relative to the working directory

    ./requirements.txt
    exit 65
    error: requirements.txt:1: the package at ./requirements.txt has no name: it cannot be read there: ./requirements.txt gives no metadata: ./requirements.txt cannot be unpacked: it is neither a .tar.gz nor a .zip archive
      1 | ./requirements.txt
    hint: write the name before it, as in `name @ …`

    ./alpha-1.0-py3-none-any.whl
    alpha @ ./copy/alpha-1.0-py3-none-any.whl
    exit 65
    error: requirements.txt:1 and requirements.txt:2 contradict each other
      - requirements.txt:1 takes alpha from ./alpha-1.0-py3-none-any.whl
      - requirements.txt:2 takes alpha from ./copy/alpha-1.0-py3-none-any.whl
    hint: keep one place for alpha

    ./alpha-1.0-py3-none-any.whl
    alpha>=2
    exit 65
    error: requirements.txt:1 and requirements.txt:2 contradict each other
      - requirements.txt:1 takes alpha 1.0 from ./alpha-1.0-py3-none-any.whl
      - requirements.txt:2 asks for alpha>=2

    other @ ./gamma
    exit 65
    error: other cannot be taken from ./gamma: ./gamma gives no metadata: ./gamma turns out to be gamma 1.5 instead of other
    hint: write the name of the project that is there

    epsilon
    exit 65
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for epsilon
      - epsilon 1.0 cannot be used: it takes beta from an address, which packages of an index may not

    ./zeta-1.0-cp27-none-win32.whl
    exit 65
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 takes zeta 1.0 from ./zeta-1.0-cp27-none-win32.whl
      - zeta 1.0 cannot be used: no wheel fits this Python and platform, and there is no source distribution
    hint: zeta 1.0 has wheels for cp27-none-win32; the target is [TARGET]

    alpha @ http://127.0.0.1:[PORT]/files/alpha-1.0-py3-none-any.whl
    exit 65
    error: alpha cannot be taken from http://127.0.0.1:[PORT]/files/alpha-1.0-py3-none-any.whl: http://127.0.0.1:[PORT]/files/alpha-1.0-py3-none-any.whl cannot be read: http://127.0.0.1:[PORT]/files/alpha-1.0-py3-none-any.whl does not exist (HTTP 404)
    hint: check the address

    ./beta-1.0-py3-none-any.whl --hash=sha256:[DIGEST]
    exit 65
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 takes beta 1.0 from ./beta-1.0-py3-none-any.whl
      - beta 1.0 cannot be used: no file has one of the given hashes
    hint: the files of beta 1.0 are not those that the hashes name: compare them before changing hashes

    ./beta-1.0-py3-none-any.whl#sha256=[DIGEST]
    exit 65
    error: beta cannot be taken from ./beta-1.0-py3-none-any.whl: ./beta-1.0-py3-none-any.whl cannot be read: beta-1.0-py3-none-any.whl has another content than promised: expected sha256 [DIGEST], got [DIGEST]
    hint: the file changed on the index or on the way; do not install it before you know why

    --require-hashes
    ./gamma
    exit 65
    error: requirements.txt:2: this requirement has no hash, but hashes are required
      2 | ./gamma
    hint: one line with --hash makes hashes required for all: pin with == and add --hash to each
    ");
}
