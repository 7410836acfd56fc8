use agent_gitsync::{Error, Limits, Mirror, Remote};

use crate::repository::Repository;

#[test]
fn a_push_is_seen_and_the_remote_stays_as_it_is() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    let first = repository.commit("first\n\nmore");
    let mirror = repository.mirror();
    assert_eq!(mirror.poll("main").unwrap().as_str(), first);
    repository.write("a.py", "2\n");
    let second = repository.commit("second");
    let id = mirror.poll("main").unwrap();
    assert_eq!(id.as_str(), second);
    assert_eq!(mirror.poll("HEAD").unwrap().as_str(), second);
    assert_eq!(mirror.poll("refs/heads/main").unwrap().as_str(), second);
    assert_eq!(repository.git(&["status", "--porcelain"]), "");
    let commit = mirror.commit(&id).unwrap();
    assert_eq!(
        (commit.author.as_str(), commit.summary.as_str()),
        ("Ada Lovelace <ada@example.org>", "second")
    );
    // The first commit is still in the mirror: what was fetched stays readable.
    assert_eq!(mirror.tree(&first.parse().unwrap()).unwrap().files().len(), 1);
}

#[test]
fn force_pushes_unrelated_histories_and_switches_of_branch_are_followed() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    repository.commit("first");
    let mirror = repository.mirror();
    mirror.poll("main").unwrap();
    repository.git(&["commit", "--quiet", "--amend", "-m", "rewritten"]);
    let rewritten = repository.git(&["rev-parse", "HEAD"]);
    assert_eq!(mirror.poll("main").unwrap().as_str(), rewritten);
    repository.git(&["checkout", "--quiet", "--orphan", "other"]);
    repository.write("b.py", "2\n");
    let orphan = repository.commit("orphan");
    repository.git(&["branch", "--quiet", "-f", "main", "other"]);
    assert_eq!(mirror.poll("main").unwrap().as_str(), orphan);
    // A branch whose name needs `main` to be a folder.
    repository.git(&["branch", "--quiet", "-D", "main"]);
    repository.git(&["branch", "--quiet", "main/sub"]);
    assert_eq!(mirror.poll("main/sub").unwrap().as_str(), orphan);
    assert!(matches!(mirror.poll("main"), Err(Error::NoRef { .. })));
}

#[test]
fn tags_are_peeled_and_a_branch_wins() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    let first = repository.commit("first");
    repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
    repository.git(&["tag", "light"]);
    repository.write("a.py", "2\n");
    let second = repository.commit("second");
    let mirror = repository.mirror();
    assert_eq!(mirror.poll("v1").unwrap().as_str(), first);
    assert_eq!(mirror.poll("light").unwrap().as_str(), first);
    repository.git(&["branch", "--quiet", "v1"]);
    assert_eq!(mirror.poll("v1").unwrap().as_str(), second);
}

#[test]
fn an_annotated_tag_is_the_first_thing_fetched() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    let first = repository.commit("first");
    repository.git(&["tag", "-a", "v1", "-m", "annotated"]);
    let mirror = repository.mirror();
    assert_eq!(mirror.poll("v1").unwrap().as_str(), first);
    assert_eq!(mirror.tree(&first.parse().unwrap()).unwrap().files().len(), 1);
}

#[test]
fn a_damaged_or_deleted_mirror_is_made_anew() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    let first = repository.commit("first");
    let mirror = repository.mirror();
    mirror.poll("main").unwrap();
    std::fs::remove_dir_all(repository.dir.path().join("mirror")).unwrap();
    assert_eq!(mirror.poll("main").unwrap().as_str(), first);
    std::fs::write(repository.dir.path().join("mirror/HEAD"), "garbage").unwrap();
    assert_eq!(mirror.poll("main").unwrap().as_str(), first);
}

#[test]
fn a_repository_that_goes_and_comes_back() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    repository.commit("first");
    let mirror = repository.mirror();
    mirror.poll("main").unwrap();
    let aside = repository.dir.path().join("aside");
    std::fs::rename(repository.path(), &aside).unwrap();
    let gone = mirror.poll("main").unwrap_err();
    assert!(matches!(gone, Error::NoRepository { .. }) && gone.is_retryable(), "{gone:?}");
    std::fs::create_dir(repository.path()).unwrap();
    assert!(matches!(mirror.poll("main"), Err(Error::NoRepository { .. })));
    std::fs::remove_dir(repository.path()).unwrap();
    std::fs::rename(&aside, repository.path()).unwrap();
    repository.write("a.py", "2\n");
    let second = repository.commit("second");
    assert_eq!(mirror.poll("main").unwrap().as_str(), second);
}

#[test]
fn a_mirror_that_has_grown_is_made_anew() {
    let repository = Repository::new();
    repository.write("a.py", "1\n");
    repository.commit("first");
    let remote = Remote::new(repository.path().display().to_string());
    let limits = Limits { mirror_bytes: 4_000, ..Limits::default() };
    let mirror = Mirror::open(&repository.dir.path().join("mirror"), remote, limits).unwrap();
    for round in 0..6 {
        repository.write("a.py", &format!("{round}\n"));
        let commit = repository.commit("next");
        assert_eq!(mirror.poll("main").unwrap().as_str(), commit);
    }
    let packs = std::fs::read_dir(repository.dir.path().join("mirror/objects/pack")).unwrap();
    let bytes: u64 = packs.map(|entry| entry.unwrap().metadata().unwrap().len()).sum();
    assert!(bytes < 8_000, "{bytes}");
}
