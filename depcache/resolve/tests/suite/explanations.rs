//! Conflicts as the user reads them.

use std::collections::BTreeMap;

use depcache_resolve::{ResolveError, Yanked, resolve};

use crate::world::{World, bare_base, base, day, input, metadata, specifiers};

#[test]
fn unknown_package() {
    let error = World::default().resolve("# ours\npandsa", bare_base("3.11.7")).unwrap_err();
    insta::assert_snapshot!(error, @r"
    no index has a package named pandsa (requirements.txt:2)
      - requirements.txt:2 asks for pandsa
      - no index has a package named pandsa
    hint: check the spelling of pandsa, and whether its index is configured
    ");
}

#[test]
fn impossible_pin() {
    let world = World::default().wheel("a", "1.0", &[]).wheel("a", "1.5", &[]);
    insta::assert_snapshot!(world.resolve("a==9", bare_base("3.11.7")).unwrap_err(), @r"
    requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for a==9
      - there is no such version of a: there are 1.0 to 1.5
    ");
}

#[test]
fn two_lines_against_each_other() {
    let world = World::default()
        .wheel("a", "1", &["c<2"])
        .wheel("b", "1", &["c>=2"])
        .wheel("b", "2", &["c>=3"])
        .wheel("c", "1", &[])
        .wheel("c", "2", &[])
        .wheel("c", "3", &[]);
    insta::assert_snapshot!(world.resolve("a\n\nb", bare_base("3.11.7")).unwrap_err(), @r"
    requirements.txt:1 and requirements.txt:3 contradict each other
      - requirements.txt:1 asks for a
      - a 1 requires c<2
      - requirements.txt:3 asks for b
      - every version of b requires c >=2
    ");
}

#[test]
fn files_that_do_not_fit() {
    let mut world = World::default();
    for (version, tags) in [("1", "cp39-cp39-manylinux2014_x86_64"), ("2", "py3-none-win_amd64")] {
        world = world.add("tags", World::file("tags", version, tags), metadata(&[], &[]));
    }
    world = world
        .wheel("python", "1", &[])
        .with("python", |file| file.requires_python = Some(specifiers(">=3.13")));
    world = world.wheel("sdist", "1", &[]).with("sdist", |file| file.filename = "sdist-1.tar.gz".into());
    world = world.wheel("old", "1", &[]).with("old", |file| file.filename = "old-1.tar.bz2".into());
    world = world.wheel("bin", "1", &[]);
    world = world.wheel("pulled", "1", &[]).with("pulled", |file| file.yanked = Yanked::Yes("broken".into()));
    world = world.wheel("young", "1", &[]).with("young", |file| file.upload_time_ms = Some(day(30_000)));
    let mut shown = Vec::new();
    let lines =
        ["tags", "python", "sdist\n--only-binary sdist", "old", "bin\n--no-binary bin", "pulled", "young"];
    for line in lines {
        let mut input = input(&[("requirements.txt", line)], bare_base("3.11.7"));
        input.exclude_newer_ms = Some(day(25_000));
        shown.push(resolve(&input, &world).unwrap_err().to_string());
    }
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn wrong_hash() {
    let hash = "0".repeat(64);
    let world = World::default().wheel("a", "1", &[]).with("a", |file| {
        file.hashes = vec![format!("sha256:{}", "1".repeat(64)).parse().unwrap()];
    });
    let error = world.resolve(&format!("a==1 --hash=sha256:{hash}"), bare_base("3.11.7")).unwrap_err();
    insta::assert_snapshot!(error, @r"
    requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for a==1
      - a 1 cannot be used: no file has one of the given hashes
    hint: the files of a 1 are not those that the hashes name: compare them before changing hashes
    ");
}

#[test]
fn an_index_that_does_not_answer_ends_the_resolution() {
    let mut world = World::default().wheel("a", "1", &["b"]);
    world.unreachable.push("b".parse().unwrap());
    let error = world.resolve("a", base(&[], &[])).unwrap_err();
    assert!(error.is_retryable());
    assert_eq!(error.to_string(), "the facts about b are not available");
    let ResolveError::Facts { source, .. } = &error else { panic!("{error}") };
    assert_eq!(source.to_string(), "cannot read the file list of b from index mem (needed by a 1)");
    assert_eq!(error.hint().as_deref(), Some("is the index reachable from here?"));
}

#[test]
fn a_base_without_markers_is_refused() {
    let mut record = bare_base("3.11.7");
    record.base.markers = BTreeMap::new();
    let error = World::default().resolve("a", record).unwrap_err();
    assert_eq!(error.to_string(), "the base's description has no usable marker python_full_version");
}

#[test]
fn what_comes_next_is_announced() {
    let world = World::default().wheel("a", "1", &[]).wheel("b", "1", &[]);
    world.resolve("a\nb", bare_base("3.11.7")).unwrap();
    let announced = world.announced.borrow().join(", ");
    insta::assert_snapshot!(announced, @"files a, files b, metadata a-1-py3-none-any.whl, metadata b-1-py3-none-any.whl");
}
