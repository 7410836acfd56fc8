use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use agent_gitsync::{Error, Limits, Mirror, Problem, Remote};

use crate::repository::{Repository, git};

fn refusal(repository: &Repository) -> Error {
    repository.commit("odd");
    let mirror = repository.mirror();
    let id = mirror.poll("main").unwrap();
    mirror.tree(&id).map(|_| ()).unwrap_err()
}

fn problem(repository: &Repository) -> (String, Problem) {
    match refusal(repository) {
        Error::Tree { path, problem, .. } => (path, problem),
        other => panic!("{other:?}"),
    }
}

#[test]
fn links_that_leave_the_tree() {
    for target in ["/etc/passwd", "../../outside", "loop.py"] {
        let repository = Repository::new();
        repository.write("dags/a.py", "");
        symlink(target, repository.path().join("dags/loop.py")).unwrap();
        assert_eq!(problem(&repository), ("dags/loop.py".into(), Problem::LinkOutside), "{target}");
    }
}

#[test]
fn submodules_are_refused_by_name() {
    let inner = Repository::new();
    inner.write("x.py", "");
    inner.commit("inner");
    let repository = Repository::new();
    repository.git(&["submodule", "--quiet", "add", inner.path().to_str().unwrap(), "vendor/inner"]);
    let error = refusal(&repository);
    insta::with_settings!({filters => vec![(r"[0-9a-f]{40}", "[commit]")]}, {
        insta::assert_snapshot!(format!("{error}\nhint: {}", error.hint()), @r"
        commit [commit]: vendor/inner is a submodule; submodules are not supported
        hint: copy the submodule's files into the repository
        ");
    });
    assert!(!error.is_retryable());
}

#[test]
fn paths_that_are_not_utf8() {
    let repository = Repository::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.py");
    std::fs::write(repository.path().join(name), "").unwrap();
    assert_eq!(problem(&repository), ("caf\u{fffd}.py".into(), Problem::NotUtf8));
}

#[test]
fn too_many_files_and_too_many_bytes() {
    let repository = Repository::new();
    for name in ["a", "b", "c"] {
        repository.write(name, "12345");
    }
    repository.commit("three");
    let bounded = |name: &str, limits| {
        let remote = Remote::new(repository.path().display().to_string());
        let mirror = Mirror::open(&repository.dir.path().join(name), remote, limits).unwrap();
        let id = mirror.poll("main").unwrap();
        mirror.tree(&id).map(|tree| tree.files().len())
    };
    let files = |tree_files| Limits { tree_files, ..Limits::default() };
    let bytes = |tree_bytes| Limits { tree_bytes, ..Limits::default() };
    assert_eq!(bounded("1", files(3)).unwrap(), 3);
    assert!(matches!(bounded("2", files(2)), Err(Error::Bounds { limit: 2, .. })));
    assert_eq!(bounded("3", bytes(15)).unwrap(), 3);
    assert!(matches!(bounded("4", bytes(14)), Err(Error::Bounds { limit: 14, .. })));
}

#[test]
fn messages() {
    let repository = Repository::new();
    repository.write("a.py", "");
    repository.commit("first");
    let mirror = repository.mirror();
    let at = |url: &str| {
        let remote = Remote::new(url);
        Mirror::open(&repository.dir.path().join("other"), remote, Limits::default()).unwrap()
    };
    let shown = |error: Error| format!("{error}\nhint: {}", error.hint());
    let texts = [
        shown(mirror.poll("nope").unwrap_err()),
        shown(mirror.poll("a..b").unwrap_err()),
        shown(at("/nowhere/at/all").poll("main").unwrap_err()),
        shown(at("http://ada:s3cret@127.0.0.1:1/dags.git").poll("main").unwrap_err()),
    ];
    let root = repository.dir.path().display().to_string();
    insta::assert_snapshot!(texts.join("\n").replace(&root, "[dir]"), @r"
    [dir]/dags has no branch or tag `nope`
    hint: push the branch, or configure the name of one that exists
    `a..b` is not the name of a branch or tag
    hint: give a branch, a tag, a full ref such as refs/heads/main, or HEAD
    there is no git repository at /nowhere/at/all
    hint: check the address; a path must name a folder with a git repository in it
    refusing to send git credentials to http://127.0.0.1:1/dags.git, which is not encrypted
    hint: use an https:// or ssh:// address
    ");
}

#[test]
fn an_empty_repository_has_no_branch_yet() {
    let repository = Repository::new();
    let mirror = repository.mirror();
    assert!(matches!(mirror.poll("main"), Err(Error::NoRef { .. })));
    assert!(matches!(mirror.poll("HEAD"), Err(Error::NoRef { .. })));
}

#[test]
fn a_tag_on_a_file_is_no_commit() {
    let repository = Repository::new();
    repository.write("a.py", "x");
    repository.commit("first");
    repository.git(&["tag", "blob", "HEAD:a.py"]);
    assert!(matches!(repository.mirror().poll("blob"), Err(Error::Commit { .. })));
}

#[test]
fn a_tree_that_git_would_not_write() {
    let repository = Repository::new();
    repository.write("a.py", "x");
    repository.commit("first");
    let blob = repository.git(&["rev-parse", "HEAD:a.py"]);
    let entry = repository.dir.path().join("entry");
    // A tree object with an entry `..`, made by hand.
    let mut raw = b"100644 ..\0".to_vec();
    raw.extend((0..20).map(|i| u8::from_str_radix(&blob[i * 2..i * 2 + 2], 16).unwrap()));
    std::fs::write(&entry, raw).unwrap();
    let path = entry.to_str().unwrap();
    let tree = git(&repository.path(), &["hash-object", "-t", "tree", "--literally", "-w", path]);
    let commit = repository.git(&["commit-tree", &tree, "-m", "evil"]);
    repository.git(&["update-ref", "refs/heads/main", &commit]);
    let mirror = repository.mirror();
    let refused = mirror.poll("main").and_then(|id| mirror.tree(&id).map(|_| ()));
    assert!(refused.is_err());
}
