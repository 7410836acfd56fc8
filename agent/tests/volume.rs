//! Trees on the volume: followed, complete or absent, moved forward only, shared by several agents.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use agent::volume::{TreeError, Volume, materialise};
use domain::PublicationId;
use objectstore::Store;
use support::publish::Published;
use support::{Agent, wait};

const SLEEPER: [&str; 3] = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.05; done"];

fn following(dir: &Path, published: &Published) -> Agent {
    let store = published.url();
    let arguments = ["--store", &store, "--repository", "etl", "--poll-interval-ms", "50"];
    Agent::worker(dir, &arguments, &SLEEPER)
}

fn current(dir: &Path) -> Option<String> {
    let target = fs::read_link(dir.join("volume/current/etl")).ok()?;
    Some(target.file_name()?.to_str()?.to_owned())
}

#[test]
fn the_ref_is_followed_forward_and_files_carry_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let published = Published::new(&dir.path().join("store"));
    let agent = following(dir.path(), &published);
    let first = published.publication(1, &[("a.py", "one"), ("lib/b.py", "b")], None);
    published.set_ref(1, Some(&first), None);
    wait("the first tree is current", || (current(dir.path())? == first.to_string()).then_some(()));
    let file = dir.path().join("volume/current/etl/a.py");
    assert_eq!(fs::read_to_string(&file).unwrap(), "one");
    assert_eq!(fs::metadata(&file).unwrap().mtime(), 1_700_000_001);

    let second = published.publication(2, &[("a.py", "two")], None);
    published.set_ref(2, Some(&first), Some(&second));
    wait("the candidate is on the volume", || {
        (agent.ask("GET", "/v1/health", "").1["repositories"]["etl"]["candidate"] == second.to_string())
            .then_some(())
    });
    assert_eq!(current(dir.path()), Some(first.to_string()), "a candidate is not current");
    published.set_ref(3, Some(&second), None);
    wait("the flip", || (current(dir.path())? == second.to_string()).then_some(()));

    published.set_ref(4, Some(&first), None);
    wait("the old ref is read", || {
        (agent.ask("GET", "/v1/health", "").1["repositories"]["etl"]["sequence"] == 4).then_some(())
    });
    assert_eq!(current(dir.path()), Some(second.to_string()), "never back");
    let (code, answer) = agent.ask("PUT", &format!("/v1/trees/etl/{first}"), "");
    assert_eq!((code, &answer["environment"]), (200, &serde_json::Value::Null));
    assert!(Path::new(answer["tree"].as_str().unwrap()).join("lib/b.py").is_file());
}

#[test]
fn a_publication_for_another_base_is_not_ready_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let published = Published::new(&dir.path().join("store"));
    let agent = following(dir.path(), &published);
    let (base, env) =
        (domain::BaseId(domain::Digest::of(b"other")), domain::EnvId(domain::Digest::of(b"env")));
    let id = published.publication(1, &[("a.py", "one")], Some((base, env)));
    published.set_ref(1, Some(&id), None);
    let problem = wait("the problem is shown", || {
        agent.ask("GET", "/v1/health", "").1["repositories"]["etl"]["problem"].as_str().map(str::to_owned)
    });
    assert!(problem.contains("was not built for the base"), "{problem}");
    assert_eq!(current(dir.path()), None);
    assert_eq!(agent.ask("PUT", &format!("/v1/trees/etl/{id}"), "").0, 503);
}

#[test]
fn agents_that_share_a_volume_and_one_that_is_killed_leave_whole_trees() {
    let dir = tempfile::tempdir().unwrap();
    let published = Published::new(&dir.path().join("store"));
    let big = "x = 1\n".repeat(20_000);
    let files: Vec<_> = (0..60).map(|n| (format!("dag_{n}.py"), big.as_str())).collect();
    let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let first = published.publication(1, &files, None);
    published.set_ref(1, Some(&first), None);
    // Killed at several points of its work.
    for after_ms in [60, 90, 120, 150] {
        let mut victim = following(dir.path(), &published);
        std::thread::sleep(Duration::from_millis(after_ms)); // the point of the kill, not a wait for anything
        victim.child.kill().unwrap();
        victim.ended();
        drop(victim);
        let tree = dir.path().join(format!("volume/trees/etl/{first}"));
        assert!(!tree.exists() || fs::read_dir(&tree).unwrap().count() == files.len());
    }
    let dir_two = dir.path().join("two");
    fs::create_dir(&dir_two).unwrap();
    std::os::unix::fs::symlink(dir.path().join("volume"), dir_two.join("volume")).unwrap();
    let (_one, _two) = (following(dir.path(), &published), following(&dir_two, &published));
    for sequence in 1..6 {
        let id = published.publication(sequence, &files, None);
        published.set_ref(sequence, Some(&id), None);
        wait("current", || (current(dir.path())? == id.to_string()).then_some(()));
        for (path, text) in &files {
            assert_eq!(fs::read_to_string(dir.path().join("volume/current/etl").join(path)).unwrap(), *text);
        }
    }
}

async fn refused(published: &Published, dir: &Path, id: &PublicationId) -> String {
    let store = Store::open(&published.url()).await.unwrap();
    let volume = Volume::at(&dir.join("volume")).unwrap();
    let error: TreeError = materialise(&store, &volume, &published.repository, id).await.unwrap_err();
    assert!(!volume.tree(&published.repository, id).exists());
    let left = fs::read_dir(volume.trees(&published.repository)).into_iter().flatten().count();
    assert_eq!(left, 0, "nothing half-done is left");
    agent::chain(&error)
}

#[tokio::test]
async fn a_tree_that_is_not_as_published_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let published = Published::new(&dir.path().join("store"));
    let good = published.publication(1, &[("a.py", "one")], None);
    let key =
        |id: &PublicationId| domain::keys::tree(&published.repository, &format!("{:040x}", id.sequence()));
    let tar = fs::read(published.root.join(key(&good))).unwrap();

    let mut seen = Vec::new();
    let other = published.publication(2, &[("a.py", "two")], None);
    published.write(&key(&other), &tar);
    seen.push(refused(&published, dir.path(), &other).await);
    let more = published.publication(3, &[("a.py", "one"), ("b.py", "b")], None);
    published.write(&key(&more), &tar);
    seen.push(refused(&published, dir.path(), &more).await);
    let noise = published.publication(4, &[("a.py", "one")], None);
    published.write(&key(&noise), b"no archive");
    seen.push(refused(&published, dir.path(), &noise).await);
    fs::remove_file(published.root.join(key(&good))).unwrap();
    seen.push(refused(&published, dir.path(), &good).await);
    let absent = PublicationId::new(9, &"9".repeat(40)).unwrap();
    seen.push(refused(&published, dir.path(), &absent).await);
    insta::assert_snapshot!(seen.join("\n"), @r#"
    the tree of publication 00000002-000000000000 of etl is refused: "a.py" in the tree is not as its publication says: its content differs
    the tree of publication 00000003-000000000000 of etl is refused: "b.py" in the tree is not as its publication says: it is missing
    the tree of publication 00000004-000000000000 of etl is refused: unpacking the archive: Unknown frame descriptor
    publication 00000001-000000000000 of etl is not in the store: v1/trees/etl/0000000000000000000000000000000000000001.tar.zst is missing
    publication 00000009-999999999999 of etl is not in the store: v1/trees/etl/publications/00000009-999999999999.json is missing
    "#);
}
