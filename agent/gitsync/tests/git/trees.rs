use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use agent_gitsync::{Kind, Tree};
use domain::Digest;

use crate::repository::{Repository, git_bytes};

fn tree(repository: &Repository, commit: &str) -> Tree {
    let mirror = repository.mirror();
    assert_eq!(mirror.poll("main").unwrap().as_str(), commit);
    mirror.tree(&commit.parse().unwrap()).unwrap()
}

/// Path → mode and content (target of a link), of everything in a folder.
fn listing(dir: &Path) -> BTreeMap<String, (u32, Vec<u8>)> {
    let (mut found, mut folders) = (BTreeMap::new(), vec![dir.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let (path, meta) = (entry.path(), std::fs::symlink_metadata(entry.path()).unwrap());
            let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_symlink() {
                let target = std::fs::read_link(&path).unwrap();
                found.insert(name, (0, target.into_os_string().into_encoded_bytes()));
            } else {
                found.insert(name, (meta.permissions().mode() & 0o777, std::fs::read(&path).unwrap()));
            }
        }
    }
    found
}

fn colourful() -> (Repository, String) {
    let repository = Repository::new();
    repository.write("dags/etl.py", "print('hi')\r\n");
    repository.write("dags/sub folder/nächtlich \u{1f600}\t\"q\".py", "# unusual\n");
    repository.write("requirements.txt", "");
    repository.write(&format!("deep/{}/x.py", ["a"; 60].join("/")), "x");
    repository.write(&format!("{}.py", "long".repeat(55)), "y");
    repository.write("run.sh", "#!/bin/sh\n");
    std::fs::set_permissions(repository.path().join("run.sh"), PermissionsExt::from_mode(0o755)).unwrap();
    symlink("etl.py", repository.path().join("dags/link.py")).unwrap();
    symlink("../requirements.txt", repository.path().join("dags/dangling-later")).unwrap();
    // Attributes would change the bytes on checkout; what is published is what was committed.
    repository.write(".gitattributes", "*.py ident eol=crlf\n");
    let commit = repository.commit("colourful");
    (repository, commit)
}

#[test]
fn an_export_is_what_was_committed() {
    let (repository, commit) = colourful();
    let out = repository.dir.path().join("out/tree");
    tree(&repository, &commit).export(&out).unwrap();
    let found = listing(&out);
    assert!(!found.keys().any(|path| path.starts_with(".git/")));
    assert_eq!(found["run.sh"], (0o755, b"#!/bin/sh\n".to_vec()));
    assert_eq!(found["dags/link.py"], (0, b"etl.py".to_vec()));
    let names = repository.git(&["-c", "core.quotePath=false", "ls-tree", "-r", "-z", "--name-only", "HEAD"]);
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), {
        let mut names: Vec<_> = names.split_terminator('\0').collect();
        names.sort_unstable();
        names
    });
    for (path, (_, content)) in &found {
        assert_eq!(
            git_bytes(&repository.path(), &["cat-file", "blob", &format!("HEAD:{path}")]),
            *content,
            "{path}"
        );
    }
}

#[test]
fn an_existing_export_is_left_alone_and_no_draft_stays() {
    let (repository, commit) = colourful();
    let out = repository.dir.path().join("out/tree");
    let tree = tree(&repository, &commit);
    tree.export(&out).unwrap();
    std::fs::write(out.join("mark"), "").unwrap();
    tree.export(&out).unwrap();
    assert!(out.join("mark").exists());
    assert_eq!(std::fs::read_dir(out.parent().unwrap()).unwrap().count(), 1);
}

#[test]
fn the_tar_is_deterministic_and_unpacks_to_the_export() {
    let (repository, commit) = colourful();
    let first = tree(&repository, &commit);
    let (mut one, mut two) = (Vec::new(), Vec::new());
    let packed = first.tar(&mut one).unwrap();
    // Another mirror, another process' worth of state.
    std::fs::remove_dir_all(repository.dir.path().join("mirror")).unwrap();
    assert_eq!(tree(&repository, &commit).tar(&mut two).unwrap(), packed);
    assert!(one == two);
    assert_eq!(packed.tree_digest, Digest::of(&one));
    let (out, unpacked) = (repository.dir.path().join("out/tree"), repository.dir.path().join("unpacked"));
    first.export(&out).unwrap();
    tar::Archive::new(&one[..]).unpack(&unpacked).unwrap();
    assert_eq!(listing(&unpacked), listing(&out));
    assert!(packed.files.is_sorted_by(|a, b| a.path < b.path));
    let empty = packed.files.iter().find(|file| file.path == "requirements.txt").unwrap();
    assert_eq!(empty.sha256, Digest::of(b""));
    for entry in tar::Archive::new(&one[..]).entries().unwrap() {
        let entry = entry.unwrap();
        let header = entry.header();
        assert_eq!((header.uid().unwrap(), header.gid().unwrap(), header.mtime().unwrap()), (0, 0, 0));
    }
}

#[test]
fn the_digest_of_a_known_tree_never_changes() {
    let repository = Repository::new();
    repository.write("dags/a.py", "print(1)\n");
    repository.write("requirements.txt", "pandas\n");
    let commit = repository.commit("golden");
    let packed = tree(&repository, &commit).tar(std::io::sink()).unwrap();
    insta::assert_snapshot!(packed.tree_digest, @"25eab4fa929e3ff7c1fb6b73f2177b0f0f80f4b6a1a84c07b086a29bcc28b3cf");
}

#[test]
fn kinds_sizes_and_blobs_are_listed() {
    let (repository, commit) = colourful();
    let tree = tree(&repository, &commit);
    let kind = |path: &str| tree.files().iter().find(|file| file.path == path).unwrap().kind;
    assert_eq!(kind("run.sh"), Kind::Executable);
    assert_eq!(kind("dags/link.py"), Kind::Link);
    assert_eq!(kind("dags/etl.py"), Kind::Plain);
    let etl = tree.files().iter().find(|file| file.path == "dags/etl.py").unwrap();
    assert_eq!((etl.size_bytes, etl.blob_id()), (12, repository.git(&["rev-parse", "HEAD:dags/etl.py"])));
}
