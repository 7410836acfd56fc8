use std::sync::atomic::{AtomicU32, Ordering};

use agent_gitsync::PackedFile;
use domain::Digest;

use super::*;

fn proved(commit: char) -> Proved {
    Proved {
        repository: "main".parse().unwrap(),
        commit: commit.to_string().repeat(40),
        author: "Ada <ada@example.org>".into(),
        tree_digest: Digest::of(commit.to_string().as_bytes()),
        files: vec![PackedFile { path: "dags/a.py".into(), sha256: Digest::of(&[commit as u8]) }],
        dag_files: ["dags/a.py".to_owned()].into(),
        environments: vec![],
    }
}

fn go_on(_: Step) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// An empty store, with what keeps it alive.
struct Place {
    store: Store,
    _dir: tempfile::TempDir,
    _server: Option<testkit::s3::Server>,
}

async fn folder() -> Place {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(&format!("file://{}", dir.path().display())).await.unwrap();
    Place { store, _dir: dir, _server: None }
}

async fn s3() -> Place {
    drop(rustls::crypto::ring::default_provider().install_default());
    let dir = tempfile::tempdir().unwrap();
    let server = testkit::s3::Server::start(dir.path()).await;
    server.create_bucket("sync");
    let (key, secret) = (&server.access_key, &server.secret_key);
    let store = Store::open_s3_at("s3://sync/here", &server.endpoint, key, secret).unwrap();
    Place { store, _dir: dir, _server: Some(server) }
}

fn flip<'a>(store: &'a Store, repository: &'a RepositoryName, after: AfterStep<'a>) -> Flip<'a> {
    Flip { store, repository, reference: "main", after }
}

async fn all(flip: Flip<'_>, proved: &Proved, now_s: u64) -> Result<PublicationId, SyncError> {
    match flip.propose(proved, now_s).await? {
        Proposed::Current(id) => Ok(id),
        Proposed::Candidate(id, _) => {
            flip.settle(&id).await?;
            Ok(id)
        }
    }
}

/// Everything but times, which depend on when the killed run began.
async fn end_state(flip: Flip<'_>) -> (Ref, Publication, usize) {
    let standing = flip.read().await.unwrap();
    let mut current = standing.current.unwrap();
    current.files.iter_mut().for_each(|file| file.mtime_s = 0);
    let publications = flip.store.list("v1/trees/main/publications/").await.unwrap().len();
    (standing.reference, current, publications)
}

#[tokio::test]
async fn killed_after_any_step_the_next_run_ends_in_the_same_state() {
    killed(folder).await;
}

#[tokio::test]
async fn killed_after_any_step_the_next_run_ends_in_the_same_state_on_s3() {
    killed(s3).await;
}

async fn killed(place: impl AsyncFn() -> Place) {
    let repository = "main".parse().unwrap();
    let undisturbed = place().await;
    let calm = flip(&undisturbed.store, &repository, &go_on);
    all(calm, &proved('a'), 100).await.unwrap();
    all(calm, &proved('b'), 200).await.unwrap();
    let wanted = end_state(calm).await;
    assert_eq!((wanted.0.sequence, wanted.1.sequence, wanted.2), (4, 2, 2));
    for kill in [Step::Publication, Step::Candidate, Step::Current] {
        let Place { store, .. } = &place().await;
        all(flip(store, &repository, &go_on), &proved('a'), 100).await.unwrap();
        let end = |step| if step == kill { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        let killed = all(flip(store, &repository, &end), &proved('b'), 200).await;
        assert!(matches!(killed, Err(SyncError::Stopped)), "{kill:?}");
        let next = flip(store, &repository, &go_on);
        all(next, &proved('b'), 300).await.unwrap();
        assert_eq!(end_state(next).await, wanted, "{kill:?}");
    }
}

#[tokio::test]
async fn a_run_that_ended_is_overtaken_by_a_newer_commit() {
    let repository = "main".parse().unwrap();
    for kill in [Step::Publication, Step::Candidate] {
        let Place { store, .. } = &folder().await;
        let end = |step| if step == kill { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
        assert!(all(flip(store, &repository, &end), &proved('a'), 100).await.is_err());
        let next = flip(store, &repository, &go_on);
        let id = all(next, &proved('b'), 200).await.unwrap();
        let standing = next.read().await.unwrap();
        assert_eq!((standing.reference.current, standing.reference.candidate), (Some(id), None));
        // The killed run's candidate is superseded, not made current later.
        let old = PublicationId::new(1, &"a".repeat(40)).unwrap();
        assert_eq!(next.settle(&old).await.unwrap(), Settled::Superseded);
    }
}

#[tokio::test]
async fn of_many_syncs_with_one_commit_one_publication_comes() {
    one_publication(folder).await;
}

#[tokio::test]
async fn of_many_syncs_with_one_commit_one_publication_comes_on_s3() {
    one_publication(s3).await;
}

async fn one_publication(place: impl AsyncFn() -> Place) {
    let repository: RepositoryName = "main".parse().unwrap();
    let Place { store, .. } = &place().await;
    let racing = (0..8).map(|_| async {
        let flip = flip(store, &repository, &go_on);
        all(flip, &proved('a'), 100).await.unwrap()
    });
    let ids = futures::future::join_all(racing).await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    let (reference, current, publications) = end_state(flip(store, &repository, &go_on)).await;
    assert_eq!((reference.sequence, current.sequence, publications), (2, 1, 1));
}

#[tokio::test]
async fn of_many_syncs_with_many_commits_no_candidate_is_left() {
    let repository: RepositoryName = "main".parse().unwrap();
    let Place { store, .. } = &folder().await;
    let settled = AtomicU32::new(0);
    let racing = ['a', 'b', 'c', 'd'].map(|commit| {
        let (repository, settled) = (&repository, &settled);
        async move {
            let flip = flip(store, repository, &go_on);
            if let Proposed::Candidate(id, _) = flip.propose(&proved(commit), 100).await.unwrap()
                && let Settled::Current(_) = flip.settle(&id).await.unwrap()
            {
                settled.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    futures::future::join_all(racing).await;
    let standing = flip(store, &repository, &go_on).read().await.unwrap();
    assert!(settled.load(Ordering::Relaxed) >= 1);
    assert_eq!(standing.reference.candidate, None);
    assert!(standing.current.is_some());
}

#[tokio::test]
async fn a_candidate_that_nobody_wants_any_more_is_taken_back() {
    let repository: RepositoryName = "main".parse().unwrap();
    let Place { store, .. } = &folder().await;
    let flip = flip(store, &repository, &go_on);
    let current = all(flip, &proved('a'), 100).await.unwrap();
    let Proposed::Candidate(left, _) = flip.propose(&proved('b'), 200).await.unwrap() else { panic!() };
    flip.withdraw(&current).await.unwrap();
    assert_eq!(flip.read().await.unwrap().reference.candidate, Some(left.clone()));
    flip.withdraw(&left).await.unwrap();
    let reference = flip.read().await.unwrap().reference;
    assert_eq!((reference.current, reference.candidate, reference.sequence), (Some(current), None, 4));
}
