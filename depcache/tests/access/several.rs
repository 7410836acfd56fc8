//! Several indexes: who answers for a package.

use crate::world::{Ran, World};

fn version(ran: Ran) -> String {
    let text = ran.ok().stdout;
    let line = text.lines().find(|line| line.starts_with("version = ")).unwrap().to_owned();
    line.replace("version = ", "").replace('"', "")
}

#[test]
fn the_first_index_that_has_a_package_answers_alone() {
    let world = World::new();
    let index = |kind: &str| world.index(kind);
    let (plain, newer, empty) = (index("plain"), index("newer"), index("empty"));
    let two = |extra: &str, main: &str, more: &[&str]| {
        world.lock(&[&["--extra-index-url", extra, "--index-url", main][..], more].concat())
    };
    assert_eq!(version(two(&plain, &newer, &[])), "1.0");
    assert_eq!(version(two(&empty, &newer, &[])), "2.0", "404 continues");
    assert_eq!(version(two(&plain, &newer, &["--index-strategy", "unsafe-best-match"])), "2.0");
    two(&index("auth"), &newer, &[]).failed(69, "HTTP 401");
    two(&index("forbidden"), &newer, &[]).failed(69, "HTTP 403");
}

#[test]
fn a_package_may_have_its_own_index() {
    let mut world = World::new();
    let (plain, newer) = (world.index("plain"), world.index("newer"));
    let pin = format!("alpha={newer}");
    let ran = world.lock_lines("alpha\nbeta\n", &["--index-url", &plain, "--index-for", &pin]).ok();
    assert!(ran.stdout.contains("alpha-2.0") && ran.stdout.contains("beta-1.0"), "{}", ran.stdout);
    // Nothing else comes from there, and the package from nowhere else.
    let pin = format!("beta={newer}");
    let ran = world.lock_lines("alpha\nbeta\n", &["--index-url", &plain, "--index-for", &pin]);
    ran.failed(65, "no index has a package named beta");
    world.set("UPDRAFT_INDEX_FOR", &format!("alpha={newer}"));
    assert_eq!(version(world.lock(&["--index-url", &plain])), "2.0");
}
