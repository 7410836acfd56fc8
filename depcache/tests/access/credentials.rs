//! Where credentials come from, and that they go nowhere else.

use std::os::unix::fs::PermissionsExt;

use crate::world::{Ran, World};

#[track_caller]
fn locked(ran: Ran) {
    let ran = ran.ok();
    assert!(
        !ran.stdout.contains("hunter2hunter2") && !ran.stderr.contains("hunter2hunter2"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
}

#[test]
fn address_netrc_and_variables() {
    let world = World::new();
    let index = world.index("auth");
    world.lock(&["--index-url", &index]).failed(69, "refuses access (HTTP 401)");
    let with_login = index.replace("localhost", "me:hunter2hunter2@localhost");
    locked(world.lock(&["--index-url", &with_login, "--cache-dir", "c1"]));

    std::fs::write(world.path(".netrc"), "machine localhost login me password hunter2hunter2\n").unwrap();
    locked(world.lock(&["--index-url", &index, "--cache-dir", "c2"]));
    std::fs::remove_file(world.path(".netrc")).unwrap();

    let mut world = World::new();
    let named = format!("my-own={}", world.index("auth"));
    world.set("UV_INDEX_MY_OWN_USERNAME", "me");
    world.set("UV_INDEX_MY_OWN_PASSWORD", "hunter2hunter2");
    locked(world.lock(&["--index-url", &named]));
    let cached = std::process::Command::new("grep")
        .arg("-r")
        .arg("hunter2hunter2")
        .arg(world.path("cache"))
        .output()
        .unwrap();
    assert!(cached.stdout.is_empty(), "credentials in the cache");
}

#[test]
fn the_keyring_program() {
    let mut world = World::new();
    let bin = world.path("bin");
    std::fs::create_dir(&bin).unwrap();
    let program = "#!/bin/sh\necho \"$*\" >> \"$HOME/keyring.log\"\n\
                   case \"$1\" in get) echo hunter2hunter2;; *) echo me; echo hunter2hunter2;; esac\n";
    std::fs::write(bin.join("keyring"), program).unwrap();
    std::fs::set_permissions(bin.join("keyring"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    world.set("PATH", &path);
    let index = world.index("auth");
    world.lock(&["--index-url", &index]).failed(69, "--keyring-provider subprocess");
    let options = ["--keyring-provider", "subprocess", "--index-url"];
    locked(world.lock(&[&options[..], &[&index]].concat()));
    let with_user = index.replace("localhost", "me@localhost");
    locked(world.lock(&[&options[..], &[&with_user, "--cache-dir", "c2"]].concat()));
    let asked = std::fs::read_to_string(world.path("keyring.log")).unwrap();
    let expected = format!("--mode creds get {index} \nget {index} me\n");
    assert_eq!(asked, expected, "once for each index");
    world.lock(&["--keyring-provider", "magic", "--index-url", &index]).failed(64, "no keyring provider");
}
