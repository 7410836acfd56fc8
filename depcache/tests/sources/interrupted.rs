//! Builds that are killed, and builds of the same sources at the same time.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::sdist::in_tree;
use crate::world::World;

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !condition() {
        assert!(Instant::now() < deadline, "{what} did not come");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Processes whose command line names this directory.
fn processes_below(path: &std::path::Path) -> usize {
    let wanted = path.display().to_string();
    let names = |entry: std::fs::DirEntry| {
        std::fs::read(entry.path().join("cmdline"))
            .is_ok_and(|text| String::from_utf8_lossy(&text).contains(&wanted))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| names(entry).then_some(())).count()
}

#[test]
fn a_kill_leaves_no_process_and_no_half_wheel() {
    let world = World::new();
    let slow = "    import os, time\n    open('../../begun', 'w').close()\n    \
                while os.path.exists('../../begun'): time.sleep(0.02)";
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", slow));
    std::fs::write(world.path("requirements.txt"), "tiny").unwrap();
    // Not `build`: the dead one's lease in the store would have to end first.
    let arguments = ["lock", "requirements.txt", "--base", "none"];
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = || {
        let dirs = std::fs::read_dir(world.cache().join("scratch")).into_iter().flatten().flatten();
        dirs.into_iter().map(|entry| entry.path().join("begun")).find(|path| path.exists())
    };
    wait_for("the build", || begun().is_some());
    let scratch = world.cache().join("scratch");
    assert!(processes_below(&scratch) > 0);
    child.kill().unwrap();
    child.wait().unwrap();
    wait_for("the end of the build's processes", || processes_below(&scratch) == 0);
    assert!(world.built_wheels().is_empty());

    // The next one does not wait for the dead one, and builds.
    let mut child = world.command(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::fs::remove_file(begun().unwrap()).unwrap();
    wait_for("the second build", || begun().is_some());
    std::fs::remove_file(begun().unwrap()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(world.built_wheels(), ["tiny-1.0-py3-none-any.whl"]);
}

#[test]
fn of_two_processes_one_builds() {
    let world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    import time; time.sleep(1)"));
    std::fs::write(world.path("requirements.txt"), "tiny").unwrap();
    let start = || {
        let arguments = ["lock", "requirements.txt", "--base", "none"];
        world.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let children = [start(), start(), start()];
    let ran: Vec<_> =
        children.into_iter().map(|child| world.told(&child.wait_with_output().unwrap()).ok()).collect();
    assert_eq!(ran.iter().map(crate::world::Ran::builds).sum::<usize>(), 1);
    assert!(ran.iter().all(|one| one.stdout == ran[0].stdout));
}
