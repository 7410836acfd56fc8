//! Every kind of bad input: exit code, message, and nothing published.

use insta::assert_snapshot;

use crate::index_server::{Fault, Wheel};
use crate::world::World;

/// Exit code and standard error of a build that must fail without publishing anything.
fn refused(world: &World, requirements: &str) -> String {
    let ran = world.build(requirements);
    world.assert_nothing_published();
    assert_eq!(ran.stdout, "");
    format!("exit {}\n{}", ran.code, ran.stderr)
}

#[test]
fn malformed_line() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\n# fine\nbeta = 1\n"), @r#"
    exit 65
    error: requirements.txt:3: this is not a requirement: no such comparison operator "=", must be one of ~= == != <= >= < > ===
      3 | beta = 1
        |      ^
    hint: expected a package name with an optional version, as in `pandas>=2.0,<3`
    "#);
}

#[test]
fn missing_file() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\n-r more.txt\n"), @"
    exit 65
    error: requirements.txt:2: cannot read more.txt: there is no such file
      2 | -r more.txt
    hint: paths behind -r and -c are relative to the file that names them
    ");
}

#[test]
fn unknown_package() {
    let world = World::with_packages();
    assert_snapshot!(refused(&world, "alpha\nnever-heard-of\n"), @"
    exit 65
    error: no index has a package named never-heard-of (requirements.txt:2)
      - requirements.txt:2 asks for never-heard-of
      - no index has a package named never-heard-of
    hint: check the spelling of never-heard-of, and whether its index is configured
    ");
}

#[test]
fn impossible_pins() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "gamma", version: "2.0", requires: &["beta<1"], code: "" });
    assert_snapshot!(refused(&world, "alpha==1.0\ngamma==2.0\n"), @"
    exit 65
    error: requirements.txt:1 and requirements.txt:2 contradict each other
      - requirements.txt:1 asks for alpha==1.0
      - alpha 1.0 requires beta>=1
      - requirements.txt:2 asks for gamma==2.0
      - gamma 2.0 requires beta<1
    ");
}

#[test]
fn hash_that_no_file_has() {
    let world = World::with_packages();
    let hash = "0".repeat(64);
    assert_snapshot!(refused(&world, &format!("beta==1.0 --hash=sha256:{hash}\n")), @"
    exit 65
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for beta==1.0
      - beta 1.0 cannot be used: no file has one of the given hashes
    hint: the files of beta 1.0 are not those that the hashes name: compare them before changing hashes
    ");
}

#[test]
fn file_that_changed_on_the_index() {
    let world = World::with_packages();
    world.index.set_fault(Fault::FilesChanged);
    assert_snapshot!(refused(&world, "beta\n"), @"
    exit 65
    resolve   1 requirements: 1 packages to install, 0 of the base kept, 0 replaced
    error: beta-1.0-py3-none-any.whl could not be fetched: beta-1.0-py3-none-any.whl has another content than promised: expected sha256 [DIGEST], got [DIGEST]
    hint: the file changed on the index or on the way; do not install it before you know why
    ");
}

#[test]
fn metadata_that_lies() {
    let world = World::with_packages();
    world.index.set_fault(Fault::MetadataLies);
    assert_snapshot!(refused(&world, "beta\n"), @"
    exit 65
    resolve   1 requirements: 1 packages to install, 0 of the base kept, 0 replaced
    error: the METADATA in beta-1.0-py3-none-any.whl is not the one that the index gave: expected sha256 [DIGEST], got [DIGEST]
    hint: the index serves wrong metadata for this file; exclude the version, and tell who runs the index
    ");
}

#[test]
fn index_unreachable() {
    let mut world = World::with_packages();
    // Port 9 of loopback: nobody listens there, and nobody will.
    world.set("UPDRAFT_INDEX_URL", "http://user:secret@127.0.0.1:9/simple");
    let told = refused(&world, "alpha\n");
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @"
    exit 69
    error: the list of files of alpha cannot be read: the index at http://127.0.0.1:9/simple/alpha/ cannot be reached: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check the address (--index-url), the network, a proxy (HTTPS_PROXY) and certificates (--cert, SSL_CERT_FILE)
    ");
}

#[test]
fn index_wants_credentials() {
    let world = World::with_packages();
    world.index.set_fault(Fault::Unauthorized);
    assert_snapshot!(refused(&world, "alpha\n"), @"
    exit 69
    error: the list of files of alpha cannot be read: the index at http://127.0.0.1:[PORT]/simple/alpha/ refuses access (HTTP 401)
    hint: give credentials in ~/.netrc, in the address (https://user:password@host/…) or by --keyring-provider subprocess
    ");
}

#[test]
fn index_is_overloaded() {
    let world = World::with_packages();
    world.index.set_fault(Fault::Overloaded);
    assert_snapshot!(refused(&world, "alpha\n"), @"
    exit 69
    error: the list of files of alpha cannot be read: the index at http://127.0.0.1:[PORT]/simple/alpha/ answers HTTP 503
    hint: the index is overloaded or broken; try again later
    ");
}

#[test]
fn index_is_none() {
    let world = World::with_packages();
    world.index.set_fault(Fault::NoIndex);
    assert_snapshot!(refused(&world, "alpha\n"), @"
    exit 69
    error: the list of files of alpha cannot be read: the answer of http://127.0.0.1:[PORT]/simple/alpha/ cannot be read: `image/png` is neither PEP 691 JSON nor HTML
    hint: an index address usually ends in /simple; check --index-url
    ");
}

#[test]
fn index_is_silent() {
    let mut world = World::with_packages();
    world.set("UPDRAFT_INDEX_TIMEOUT_S", "1");
    world.index.set_fault(Fault::Silent);
    assert_snapshot!(refused(&world, "alpha\n"), @"
    exit 69
    error: the list of files of alpha cannot be read: the index at http://127.0.0.1:[PORT]/simple/alpha/ gave no answer within 1 s
    hint: try again, or allow more time with UPDRAFT_INDEX_TIMEOUT_S
    ");
}

#[test]
fn files_are_gone() {
    let world = World::with_packages();
    world.index.set_fault(Fault::FilesGone);
    assert_snapshot!(refused(&world, "beta==1.0\n"), @"
    exit 65
    error: requirements.txt:1 cannot be satisfied
      - requirements.txt:1 asks for beta==1.0
      - beta 1.0 cannot be used: http://127.0.0.1:[PORT]/files/beta-1.0-py3-none-any.whl does not exist (HTTP 404)
    ");
}

#[test]
fn broken_wheel() {
    let world = World::new();
    let metadata = "Metadata-Version: 2.1\nName: beta\nVersion: 1.0\n".to_owned();
    world.index.add_bytes("beta", "beta-1.0-py3-none-any.whl", b"no zip".to_vec(), Some(metadata));
    assert_snapshot!(refused(&world, "beta\n"), @"
    exit 65
    resolve   1 requirements: 1 packages to install, 0 of the base kept, 0 replaced
    error: beta-1.0-py3-none-any.whl could not be fetched: beta-1.0-py3-none-any.whl is not a readable wheel: no zip archive (invalid Zip archive: Could not find EOCD)
    hint: ask the package's maintainers, or exclude this version
    ");
}

#[test]
fn package_that_does_not_import() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "gamma", version: "1.0", requires: &[], code: "import nothing_there" });
    let ran = world.build("gamma\n");
    assert!(!world.stored().iter().any(|key| key.starts_with("v1/aliases/")));
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 65
    resolve   1 requirements: 1 packages to install, 0 of the base kept, 0 replaced
    layers    1 built, 0 reused
    error: 1 of the requested packages cannot be imported in the environment
      - gamma: ModuleNotFoundError: No module named 'nothing_there'
    hint: pin an older release of the package that broke the import, or a newer one of the package that does not import
    ");
}

#[test]
fn lock_of_another_base() {
    let world = World::with_packages();
    world.write("requirements.txt", "beta\n");
    let locked = world.run(&["lock", "requirements.txt", "--base", "none", "-o", "pylock.toml"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    let text = std::fs::read_to_string(world.path("pylock.toml")).unwrap();
    let line = text.lines().find(|line| line.starts_with("base-id")).unwrap();
    let other = format!("base-id = \"{}\"", "1".repeat(64));
    world.write("pylock.toml", &text.replace(line, &other));
    let ran = world.run(&["build", "pylock.toml", "--base", "none"]);
    assert_eq!(ran.code, 65);
    assert!(
        ran.stderr.starts_with("error: the lock is for base 111111111111, this base is "),
        "{}",
        ran.stderr
    );
}

#[test]
fn interpreter_that_is_not_there() {
    let world = World::with_packages();
    world.write("requirements.txt", "alpha\n");
    let ran = world.run(&["build", "requirements.txt", "--base", "none", "--python", "python9"]);
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 69
    error: there is no Python interpreter `python9`
    hint: name an interpreter: /usr/bin/python3, or bin/python of a venv
    ");
}

#[test]
fn index_address_that_is_none() {
    let mut world = World::with_packages();
    world.set("UPDRAFT_INDEX_URL", "ftp://me:secret@host.example/simple");
    let told = refused(&world, "alpha\n");
    assert!(!told.contains("secret"));
    assert_snapshot!(told, @"
    exit 64
    error: `ftp://host.example/simple` (UPDRAFT_INDEX_URL) is not an index address: it is no http or https address
    hint: an index address looks like https://host.example/simple
    ");
}
