//! What is not built, and wheels that are not what was asked for.

use crate::sdist::{files, in_tree};
use crate::world::World;

#[test]
fn builds_that_are_forbidden() {
    let world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    pass"));
    let all: Vec<String> =
        [&["--no-build"][..], &["--no-build-package", "tiny"], &["--only-binary", ":all:"]]
            .iter()
            .map(|options| {
                let ran = world.lock("tiny", options);
                assert_eq!(ran.code, 65, "{}", ran.stderr);
                ran.stderr
            })
            .collect();
    assert!(all.iter().all(|one| *one == all[0]));
    insta::assert_snapshot!(all[0], @r"
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for tiny
      - tiny 1.0 cannot be used: it would have to be built from source, and --only-binary or --no-build forbids that
    hint: allow tiny 1.0 to be built (--only-binary, --no-build), or choose a version with wheels
    ");
    world.lock("tiny", &["--no-build-package", "other"]).ok();
    // A lock names it, and the rules forbid it.
    world.lock("tiny", &["-o", "pylock.toml"]).ok();
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let ran = world.run(&["build", "pylock.toml", "--base", "none", "--no-build"]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: tiny 1.0 could not be made a wheel (needed by your requirements): tiny-1.0.tar.gz would have to be built from source, which --no-build forbids
    hint: choose a version with wheels, or allow the build
    ");
}

#[test]
fn formats_that_are_not_used() {
    let world = World::new();
    world.index.add_bytes("old", "old-1.0.tar.bz2", b"BZh9".to_vec(), None);
    let ran = world.lock("old", &[]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for old
      - old 1.0 cannot be used: the format of its source distribution old-1.0.tar.bz2 is not used (only .tar.gz and .zip)
    hint: old 1.0 is too old to be built here: choose a version with wheels, or make a wheel of it
    ");
}

#[test]
fn wheels_that_are_something_else() {
    let world = World::new();
    let changed = |name: &str, from: &str, to: &str| {
        let mut tree = in_tree(name, "1.0", "    pass");
        for (_, text) in &mut tree {
            *text = text.replace(from, to);
        }
        world.sdist(name, "1.0", &tree);
    };
    changed("name", "NAME, VERSION = open(\"NAME\").read().split()", "NAME, VERSION = 'other', '1.0'");
    changed("version", "NAME, VERSION = open(\"NAME\").read().split()", "NAME, VERSION = 'version', '2.0'");
    changed("tags", "py3-none-any", "cp27-cp27m-win32");
    changed("answer", "return filename", "return 7");
    changed("path", "return filename", "return '../' + filename");
    changed("gone", "return filename", "return 'gone-1.1-py3-none-any.whl'");
    let mut tree = in_tree("promise", "1.0", "    pass");
    let project = "[project]\nname = 'promise'\nversion = '1.0'\ndependencies = ['old<2']\n[build-system]";
    for (_, text) in &mut tree {
        *text = text.replace("[build-system]", project).replace("REQUIRES = []", "REQUIRES = ['old>=1']");
    }
    world.sdist("promise", "1.0", &tree);
    world.sdist("old", "1.0", &in_tree("old", "1.0", "    pass"));
    let mut said = String::new();
    for name in ["name", "version", "tags", "answer", "path", "gone", "promise"] {
        let ran = world.fetch(name, &[]);
        assert_eq!(ran.code, 65, "{name}: {}", ran.stderr);
        said.extend([ran.stderr.as_str(), "\n\n"]);
    }
    insta::assert_snapshot!(said, @r"
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for name
      - name 1.0 cannot be used: name-1.0.tar.gz turns out to be other 1.0 instead of name 1.0

    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for version
      - version 1.0 cannot be used: version-1.0.tar.gz turns out to be version 2.0 instead of version 1.0

    error: the metadata of tags-1.0.tar.gz cannot be had: the wheel tags-1.0-cp27-cp27m-win32.whl built of tags-1.0.tar.gz cannot be used: its tags are not those of this Python and platform
    hint: choose another version, and tell the project

    error: the metadata of answer-1.0.tar.gz cannot be had: build_wheel gave an unusable answer for answer-1.0.tar.gz: it is no file name
    hint: choose another version, and tell the project

    error: the metadata of path-1.0.tar.gz cannot be had: the wheel ../path-1.0-py3-none-any.whl built of path-1.0.tar.gz cannot be used: its name is a path
    hint: choose another version, and tell the project

    error: the metadata of gone-1.0.tar.gz cannot be had: the wheel gone-1.1-py3-none-any.whl built of gone-1.0.tar.gz cannot be used: the backend did not write it
    hint: choose another version, and tell the project

    build     old-1.0.tar.gz
    resolve   1 requirements: 2 packages to install, 0 of the base kept, 0 replaced
    error: promise 1.0 could not be made a wheel (needed by your requirements): the wheel built of promise-1.0.tar.gz does not keep what its sources promise: Requires-Dist is `old>=1` instead of `old<2`
    hint: its authors must mark the field as dynamic; choose another version or a wheel
    ");
    assert_eq!(world.built_wheels(), ["old-1.0-py3-none-any.whl"]);
}

#[test]
fn trees_that_are_no_projects_leave_other_versions() {
    let world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    pass"));
    world.sdist("tiny", "2.0", &files(&[("README", "nothing to build")]));
    world.index.add_bytes("tiny", "tiny-3.0.tar.gz", b"no archive at all".to_vec(), None);
    let ran = world.lock("tiny", &["--no-urls"]).ok();
    assert!(ran.stdout.contains("tiny-1.0.tar.gz"), "{}", ran.stdout);
    let ran = world.lock("tiny>1", &[]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @r"
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for tiny>1
      - tiny 2.0 cannot be used: tiny-2.0.tar.gz is no Python project: it has neither pyproject.toml nor setup.py
      - tiny 3.0 cannot be used: tiny-3.0.tar.gz cannot be unpacked: it is neither a .tar.gz nor a .zip archive
    ");
}
