//! Caching by HTTP's rules, ranges, retries.

use crate::world::World;

#[test]
fn pages_are_asked_for_again_as_the_index_allows() {
    let world = World::new();
    let lock = |kind: &str, more: &[&str]| {
        let index = world.index(kind);
        world.lock(&[&["--index-url", &index][..], more].concat())
    };
    lock("plain", &[]).ok();
    assert!(!world.asked().is_empty());
    lock("plain", &[]).ok();
    assert_eq!(world.asked(), [""; 0], "fresh for ten minutes");

    lock("etag", &[]).ok();
    world.asked();
    lock("etag", &[]).ok();
    assert_eq!(world.asked(), ["/etag/simple/alpha/ if-none-match"]);
    lock("etag", &["--offline"]).ok();
    assert_eq!(world.asked(), [""; 0], "offline, what is there is good enough");

    lock("nostore", &[]).ok();
    world.asked();
    lock("nostore", &[]).ok();
    assert_eq!(world.asked(), ["/nostore/simple/alpha/"]);
    lock("nostore", &["--offline"]).failed(69, "--offline forbids to ask");
}

#[test]
fn metadata_comes_out_of_a_part_or_the_whole() {
    let world = World::new();
    let lock = |kind: &str| {
        // METADATA is kept by the wheel's hash, whichever index it came from.
        world.lock_lines("alpha\nbeta\n", &["--index-url", &world.index(kind), "--cache-dir", kind]).ok()
    };
    lock("ranges");
    let asked = world.asked();
    let parts = asked.iter().filter(|line| line.contains("bytes=-")).count();
    assert_eq!(parts, 2, "{asked:?}");
    // An index that sends whole files is believed: of a small one that is the part that was asked for.
    lock("plain");
    let asked = world.asked();
    let wheels: Vec<_> =
        asked.iter().filter(|line| line.contains(".whl") && !line.contains(".metadata")).collect();
    assert_eq!(wheels.len(), 2, "{asked:?}");
}

#[test]
fn metadata_in_front_of_a_large_wheel_is_asked_for_alone() {
    let world = World::new();
    let lock = |kind: &str| {
        world.lock_lines("gamma\n", &["--index-url", &world.index(kind), "--cache-dir", kind]).ok();
        let asked = world.asked();
        asked
            .into_iter()
            .filter(|line| line.contains(".whl") && !line.contains(".metadata"))
            .collect::<Vec<_>>()
    };
    let file = |kind: &str| format!("/{kind}/files/gamma-1.0-py3-none-any.whl");
    let ranges = file("ranges");
    assert_eq!(lock("ranges"), [format!("{ranges} bytes=-32768"), format!("{ranges} bytes=0-65535")]);
    // Sent as a whole although the end was asked for: read all the same, and not a second time.
    assert_eq!(lock("plain"), [format!("{} bytes=-32768", file("plain"))]);
}

#[test]
fn busy_indexes_are_asked_again_but_not_forever() {
    let world = World::new();
    world.lock(&["--index-url", &world.index("busy")]).ok();
    let pages = world.asked().iter().filter(|line| line.ends_with("/simple/alpha/")).count();
    assert_eq!(pages, 3);
    world.lock(&["--index-url", &world.index("later")]).failed(69, "answers HTTP 503");
    // Once ahead of time, once when the answer was needed.
    assert!(world.asked().len() <= 2, "nobody waits for an hour");
}

#[test]
fn through_a_proxy_and_past_it() {
    let mut world = World::new();
    world.set("HTTP_PROXY", &format!("http://127.0.0.1:{}", world.port));
    world.set("NO_PROXY", "localhost");
    world.lock(&["--index-url", "http://index.invalid/plain/simple"]).ok();
    let asked = world.asked();
    assert!(asked.len() >= 2 && asked.iter().all(|line| line.ends_with(" proxied")), "{asked:?}");
    world.lock(&["--index-url", &world.index("nostore")]).ok();
    let asked = world.asked();
    assert!(!asked.is_empty() && !asked.iter().any(|line| line.contains("proxied")), "{asked:?}");
}

#[test]
fn several_processes_share_a_cache() {
    let world = World::new();
    let index = world.index("ranges");
    let ran = world.lock_at_once("alpha\nbeta\ngamma\n", &["--index-url", &index], 8);
    let locks: Vec<_> = ran.into_iter().map(|ran| ran.ok().stdout).collect();
    assert!(locks[0].contains("gamma") && locks.iter().all(|lock| lock == &locks[0]), "{locks:?}");
    world.asked();
    let offline = world.lock_lines("alpha\nbeta\ngamma\n", &["--index-url", &index, "--offline"]).ok();
    assert_eq!(offline.stdout, locks[0], "what they left behind is whole");
    assert_eq!(world.asked(), [""; 0]);
}
