//! Builds that misbehave: each is stopped, says why, and leaves nothing behind.

use std::time::{Duration, Instant};

use crate::sdist::in_tree;
use crate::world::{Ran, World};

fn failing(statements: &str, variables: &[(&str, &str)]) -> (World, Ran) {
    let mut world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", statements));
    for (name, value) in variables {
        world.set(name, value);
    }
    let ran = world.fetch("tiny", &[]);
    assert_eq!(ran.code, 65, "{}{}", ran.stdout, ran.stderr);
    assert!(world.built_wheels().is_empty());
    (world, ran)
}

#[test]
fn one_that_hangs_is_ended_with_all_that_it_started() {
    let mark = format!("{}.5", 50_000 + std::process::id());
    // In a session of its own, and not waiting for anybody.
    let statements = format!(
        "    import subprocess, time\n    subprocess.Popen(['sleep', '{mark}'], start_new_session=True)\n    time.sleep(600)"
    );
    let started = Instant::now();
    let (_, ran) = failing(&statements, &[("UPDRAFT_BUILD_TIMEOUT_S", "2")]);
    assert!(started.elapsed() < Duration::from_mins(1));
    insta::assert_snapshot!(ran.stderr, @r"
    error: the metadata of tiny-1.0.tar.gz cannot be had: build_wheel was ended for tiny-1.0.tar.gz: it took more than 2 s
      whole log: [CACHE]/logs/tiny-1.0.tar.gz.build_wheel.log
    hint: allow more with UPDRAFT_BUILD_TIMEOUT_S, or choose a version with wheels
    ");
    assert!(!is_running(&mark), "what the build started still runs");
}

fn is_running(argument: &str) -> bool {
    std::fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|text| text.split(|byte| *byte == 0).any(|word| word == argument.as_bytes()))
    })
}

#[test]
fn one_that_fills_the_disk_is_stopped() {
    // Many files: no bound of a single one would stop it.
    let many = "    import itertools\n    for n in itertools.count():\n        open(f'f{n}', 'wb').write(b'x' * 4_000_000)";
    let (world, ran) = failing(many, &[("UPDRAFT_BUILD_DISK_BYTES", "60000000")]);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the metadata of tiny-1.0.tar.gz cannot be had: build_wheel was ended for tiny-1.0.tar.gz: it wrote more than 60 MB
      whole log: [CACHE]/logs/tiny-1.0.tar.gz.build_wheel.log
    hint: allow more with UPDRAFT_BUILD_DISK_BYTES, or choose a version with wheels
    ");
    let left: u64 = depcache::environment::size_bytes(&world.cache().join("scratch"));
    assert!(left < 1_000_000, "{left} bytes are left");

    let one = "    with open('big', 'wb') as big:\n        while True: big.write(b'x' * 4_000_000)";
    let (_, ran) = failing(one, &[("UPDRAFT_BUILD_DISK_BYTES", "60000000")]);
    assert!(
        ran.stderr.contains("File too large") || ran.stderr.contains("more than 60 MB"),
        "{}",
        ran.stderr
    );
}

#[test]
fn one_that_talks_without_end_is_stopped() {
    let (_, ran) = failing("    while True: print('x' * 100_000)", &[]);
    assert!(
        ran.stderr.contains("build_wheel was ended for tiny-1.0.tar.gz: it said more than 67 MB"),
        "{}",
        ran.stderr
    );
    assert!(ran.stderr.len() < 10_000);
}

#[test]
fn one_that_takes_all_memory_is_stopped() {
    let (_, ran) = failing("    bytearray(2 << 30)", &[("UPDRAFT_BUILD_MEMORY_BYTES", "500000000")]);
    assert!(ran.stderr.contains("| MemoryError"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: it needs more memory"), "{}", ran.stderr);
}

#[test]
fn one_that_wants_the_network_gets_none() {
    let (world, ran) = {
        let mut world = World::new();
        let port = world.index.port();
        let statements = format!("    import socket\n    socket.create_connection(('127.0.0.1', {port}), 5)");
        world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", &statements));
        world.set("SECRET_TOKEN", "hush");
        let ran = world.fetch("tiny", &[]);
        (world, ran)
    };
    assert_eq!(ran.code, 65);
    assert!(ran.stderr.contains("Network is unreachable"), "{}", ran.stderr);
    assert!(ran.stderr.contains("hint: its build wants the network"), "{}", ran.stderr);
    drop(world);
}

#[test]
fn one_sees_no_secret_and_changes_nothing_outside() {
    let mut world = World::new();
    let cache = world.path("cache");
    let statements = format!(
        r#"    import os, glob, json
    facts = dict(variables=sorted(set(os.environ) - set(("LC_CTYPE",))), home=os.environ["HOME"])
    def fails(work):
        try: work()
        except OSError as error: return error.errno
        return "worked"
    cache = {cache:?}
    facts["cache"] = fails(lambda: open(cache + "/evil", "w"))
    here = glob.glob(cache + "/builders-v1/volume/envs/*/pyvenv.cfg")
    facts["environment"] = [fails(lambda: open(path, "a")) for path in here]
    facts["remount"] = os.system(f"mount -o remount,rw {{cache}} 2>/dev/null") != 0
    open("code.py", "w").write("FACTS = " + repr(facts))"#,
        cache = cache.display().to_string()
    );
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", &statements));
    world.set("AWS_SECRET_ACCESS_KEY", "hush");
    world.set("CFLAGS", "-O1");
    world.set("UPDRAFT_BUILD_ENV_OWN_SWITCH", "1");
    let ran = world.fetch("tiny", &[]).ok();
    let facts = world.python(&ran, "import tiny, json; print(json.dumps(tiny.FACTS))");
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    let variables = facts["variables"].to_string();
    assert!(!variables.contains("SECRET") && !variables.contains("UPDRAFT"), "{variables}");
    assert!(variables.contains("CFLAGS") && variables.contains("OWN_SWITCH"), "{variables}");
    assert!(facts["home"].as_str().unwrap().starts_with(cache.to_str().unwrap()));
    // EROFS.
    assert_eq!((&facts["cache"], &facts["environment"][0]), (&30.into(), &30.into()), "{facts}");
    assert_eq!(facts["remount"], true);
}

#[test]
fn without_a_sandbox_nothing_is_built_unless_that_is_allowed() {
    let mut world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    pass"));
    // A machine whose unshare does not work, as in a container without privileges.
    let bin = world.path("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(bin.join("unshare"), "#!/bin/sh\necho unshare: Operation not permitted >&2\nexit 1\n")
        .unwrap();
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(bin.join("unshare"), executable).unwrap();
    let path = std::env::var("PATH").unwrap();
    world.set("PATH", &format!("{}:{path}", bin.display()));
    let ran = world.fetch("tiny", &[]);
    assert_eq!(ran.code, 69);
    insta::assert_snapshot!(ran.stderr, @r"
    error: the metadata of tiny-1.0.tar.gz cannot be had: tiny-1.0.tar.gz would have to be built from source, and this machine has no sandbox for it: unshare: Operation not permitted
    hint: --build-sandbox=if-possible (UPDRAFT_BUILD_SANDBOX) builds without one; or let the container use user namespaces, or build where that is possible
    ");
    let ran = world.fetch("tiny", &["--build-sandbox", "if-possible"]).ok();
    assert!(ran.stderr.contains("no sandbox here"), "{}", ran.stderr);
    assert_eq!(world.python(&ran, "import tiny; print(tiny.VALUE)"), "1");
}
