//! What is read without a build, and what is built once.

use crate::sdist::{files, in_tree, zip};
use crate::world::World;

#[test]
fn static_metadata_is_enough_for_a_lock() {
    let world = World::new();
    // The backend does not exist: nothing may try to run it.
    let text = "[build-system]\nrequires = ['nowhere']\nbuild-backend = 'nowhere'\n\
                [project]\nname = 'told'\nversion = '1.0'\ndependencies = ['other>=1']\n";
    world.sdist("told", "1.0", &files(&[("pyproject.toml", text)]));
    let info = "Metadata-Version: 2.2\nName: other\nVersion: 1.0\n\n";
    world.sdist("other", "1.0", &files(&[("PKG-INFO", info), ("setup.py", "raise SystemExit(1)")]));
    let ran = world.lock("told", &["--no-urls"]).ok();
    assert_eq!(ran.builds(), 0);
    let lock = toml::from_str::<toml::Table>(&ran.stdout).unwrap();
    let packages = lock["packages"].as_array().unwrap();
    let named: Vec<_> = packages.iter().map(|one| one["sdist"]["name"].as_str().unwrap()).collect();
    assert_eq!(named, ["other-1.0.tar.gz", "told-1.0.tar.gz"]);
}

#[test]
fn a_tree_with_its_own_backend_is_built_once_and_imports() {
    let world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    pass"));
    let first = world.fetch("tiny", &[]).ok();
    assert_eq!((first.builds(), world.python(&first, "import tiny; print(tiny.VALUE)").as_str()), (1, "1"));
    assert_eq!(world.built_wheels(), ["tiny-1.0-py3-none-any.whl"]);

    // The wheel is in the cache, for a store that knows nothing.
    std::fs::remove_dir_all(world.path("store")).unwrap();
    let second = world.fetch("tiny", &[]).ok();
    assert_eq!(second.builds(), 0);
    // The layer is in the store, for a machine that has no cache.
    std::fs::remove_dir_all(world.path("cache")).unwrap();
    std::fs::remove_dir_all(world.path("volume")).unwrap();
    let lock = world.lock("tiny", &["-o", "pylock.toml"]).ok();
    assert_eq!(lock.builds(), 1, "no metadata without a build");
    let third = world.run(&["build", "pylock.toml", "--base", "none"]).ok();
    assert_eq!(third.builds(), 0);
    assert_eq!(third.stdout.trim(), second.stdout.trim().rsplit('/').next().unwrap());
}

#[test]
fn a_damaged_wheel_in_the_cache_is_built_again() {
    let world = World::new();
    world.sdist("tiny", "1.0", &in_tree("tiny", "1.0", "    pass"));
    world.fetch("tiny", &[]).ok();
    let mut open = vec![world.cache().join("built")];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == "whl") {
                std::fs::write(path, b"half").unwrap();
            }
        }
    }
    std::fs::remove_dir_all(world.path("store")).unwrap();
    assert_eq!(world.fetch("tiny", &[]).ok().builds(), 1);
}

#[test]
fn zips_are_read_like_tars_and_wheels_win() {
    let world = World::new();
    let zipped = zip("old", "1.0", &in_tree("old", "1.0", "    pass"));
    world.index.add_bytes("old", "old-1.0.zip", zipped, None);
    let wheel = crate::index_server::Wheel { name: "both", version: "1.0", requires: &[], code: "VALUE = 2" };
    world.index.add(&wheel);
    world.sdist("both", "1.0", &in_tree("both", "1.0", "    pass"));
    let ran = world.fetch("old\nboth", &[]).ok();
    assert_eq!(world.python(&ran, "import old, both; print(old.VALUE, both.VALUE)"), "1 2");
    let ran = world.fetch("old\nboth", &["--no-binary", "both"]).ok();
    assert_eq!(world.python(&ran, "import old, both; print(old.VALUE, both.VALUE)"), "1 1");
}
