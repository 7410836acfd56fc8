//! Git repositories: local ones, through the `git` program.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use insta::assert_snapshot;

use crate::project;
use crate::world::World;

fn git(dir: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b.example", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(dir)
        .env("GIT_AUTHOR_DATE", "2026-01-01T00:00:00Z")
        .env("GIT_COMMITTER_DATE", "2026-01-01T00:00:00Z")
        .output()
        .unwrap();
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A repository `repo` with gamma 1.0 tagged `v1`, and 2.0 on `main`; both below `python/`.
fn repository(world: &World) -> (String, String) {
    let dir = world.path("repo");
    std::fs::create_dir_all(dir.join("python")).unwrap();
    git(&dir, &["init", "--quiet"]);
    let mut commits = Vec::new();
    for version in ["1.0", "2.0"] {
        project::write(&dir.join("python"), "gamma", version, &[]);
        git(&dir, &["add", "."]);
        git(&dir, &["commit", "--quiet", "-m", version]);
        commits.push(git(&dir, &["rev-parse", "HEAD"]));
        if version == "1.0" {
            git(&dir, &["tag", "v1"]);
        }
    }
    (commits.remove(0), commits.remove(0))
}

fn lock(world: &World, line: &str) -> String {
    world.write("requirements.txt", &format!("{line}\n"));
    let ran = world.run(&["lock", "requirements.txt", "--base", "none"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    ran.stdout
}

#[test]
fn references_become_commits() {
    let world = World::new();
    let (first, second) = repository(&world);
    let url = format!("git+file://{}", world.path("repo").display());
    for (line, commit, version) in [
        (format!("{url}#egg=gamma&subdirectory=python"), &second, "2.0"),
        (format!("gamma @ {url}@v1#subdirectory=python"), &first, "1.0"),
        (format!("gamma @ {url}@main#subdirectory=python"), &second, "2.0"),
        (format!("gamma @ {url}@{first}#subdirectory=python"), &first, "1.0"),
        (format!("gamma @ {url}@{}#subdirectory=python", &first[..9]), &first, "1.0"),
        // Its own pyproject.toml says what it is.
        (format!("{url}@v1#subdirectory=python"), &first, "1.0"),
    ] {
        let text = lock(&world, &line);
        assert!(text.contains(&format!("{commit:?}")), "{line}: {text}");
        assert!(text.contains(&format!("{version:?}")), "{line}: {text}");
    }
    // A branch that moved is another commit.
    let repo = world.path("repo");
    project::write(&repo.join("python"), "gamma", "3.0", &[]);
    git(&repo, &["commit", "--quiet", "-am", "3.0"]);
    let third = git(&repo, &["rev-parse", "HEAD"]);
    assert!(lock(&world, &format!("gamma @ {url}@main#subdirectory=python")).contains(&third));
}

#[test]
fn a_commit_is_built_and_imported_also_without_its_repository() {
    let world = World::new();
    repository(&world);
    let url = format!("git+file://{}", world.path("repo").display());
    world.write("requirements.txt", &format!("gamma @ {url}@v1#subdirectory=python\n"));
    let locked = world.run(&["lock", "requirements.txt", "--base", "none", "-o", "pylock.toml"]);
    assert_eq!(locked.code, 0, "{}", locked.stderr);
    std::fs::remove_dir_all(world.path("repo")).unwrap();
    let ran = world.run(&["build", "pylock.toml", "--base", "none"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("1 requested packages import"), "{}", ran.stderr);
}

#[test]
fn what_cannot_be_checked_out_is_told() {
    let world = World::new();
    repository(&world);
    let url = format!("git+file://{}", world.path("repo").display());
    let mut shown = String::new();
    for line in [
        format!("gamma @ {url}@v9#subdirectory=python"),
        format!("gamma @ {url}#subdirectory=rust"),
        format!("gamma @ git+file://me:secret@{}/gone", world.path("").display()),
        url.clone(),
    ] {
        let ran = world.build(&format!("{line}\n"));
        assert!(!ran.stderr.contains("secret"));
        writeln!(shown, "exit {}\n{}", ran.code, ran.stderr).unwrap();
    }
    assert_snapshot!(shown, @"
    exit 65
    error: gamma cannot be taken from git+file://[DIR]/repo@v9#subdirectory=python: git+file://[DIR]/repo cannot be checked out: the repository has no branch, tag or commit `v9`
    hint: check the name behind the @; a commit must be on a branch or tag

    exit 65
    error: gamma cannot be taken from git+file://[DIR]/repo#subdirectory=rust: git+file://[DIR]/repo#subdirectory=rust gives no metadata: git+file://[DIR]/repo@6945edddf76e has no directory rust

    exit 69
    error: gamma cannot be taken from git+file://[DIR]//gone: git+file://[DIR]//gone cannot be checked out: git fetch failed: fatal: '[DIR]//gone' does not appear to be a git repository; fatal: Could not read from remote repository.; Please make sure you have the correct access rights; and the repository exists.
    hint: check the address, and that `git ls-remote` of it works here without a password prompt

    exit 65
    error: requirements.txt:1: the package at git+file://[DIR]/repo has no name: neither pyproject.toml nor setup.cfg states it
      1 | git+file://[DIR]/repo
    hint: write the name before it, as in `name @ …`
    ");
}
