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
    insta::assert_snapshot!(all[0], @"");
    world.lock("tiny", &["--no-build-package", "other"]).ok();
    // A lock names it, and the rules forbid it.
    world.lock("tiny", &["-o", "pylock.toml"]).ok();
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    let ran = world.run(&["build", "pylock.toml", "--base", "none", "--no-build"]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @"");
}

#[test]
fn formats_that_are_not_used() {
    let world = World::new();
    world.index.add_bytes("old", "old-1.0.tar.bz2", b"BZh9".to_vec(), None);
    let ran = world.lock("old", &[]);
    assert_eq!(ran.code, 65);
    insta::assert_snapshot!(ran.stderr, @"");
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
    changed("gone", "return filename", "return 'gone-1.0-py3-none-any.whl'");
    let project = "[project]\nname = 'promise'\nversion = '1.0'\ndependencies = ['old<2']\n[build-system]";
    changed("promise", "[build-system]", project);
    changed("promise", "REQUIRES = []", "REQUIRES = ['old>=2']");
    let mut tree = in_tree("promise", "1.0", "    pass");
    for (_, text) in &mut tree {
        *text = text.replace("[build-system]", project).replace("REQUIRES = []", "REQUIRES = ['old>=2']");
    }
    world.sdist("promise", "1.1", &tree);
    let info = in_tree("old", "1.0", "    pass");
    world.sdist("old", "1.0", &info);
    let mut said = String::new();
    for name in ["name", "version", "tags", "answer", "path", "gone", "promise==1.0"] {
        let ran = world.fetch(name, &[]);
        assert_eq!(ran.code, 65, "{name}: {}", ran.stderr);
        said.push_str(&format!("{}\n\n", ran.stderr));
    }
    insta::assert_snapshot!(said, @"");
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
    insta::assert_snapshot!(ran.stderr, @"");
}
