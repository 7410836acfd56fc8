use crate::world::{World, is_published, reason, text};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_push_to_an_environment_and_what_refuses_it() {
    let Some(world) = World::new() else { return };
    world.wheel("greeting", "1.0", "HELLO = 'one'\n");
    world.wheel("greeting", "2.0", "HELLO = 'two'\n");
    world.wheel("broken", "1.0", "import nowhere_to_be_found\n");
    let first = world.push(&[("dags/a.py", "import greeting\n"), ("requirements.txt", "greeting==1.0\n")]);
    world
        .following(async {
            let outcome = world.outcome(&first).await;
            assert!(is_published(&outcome), "{outcome:?}");
            let (reference, publication) = world.current().await.unwrap();
            assert_eq!(
                (reference.sequence, publication.sequence, publication.commit.as_str()),
                (2, 1, &*first)
            );
            assert_eq!(publication.environments.len(), 1);
            assert_eq!(publication.by, "Ada <ada@example.org>");
            let environment =
                world.path("state/volume/envs").join(publication.environments[0].env_id.to_string());
            assert!(environment.join("bin/python").exists());

            // Wrong requirements: told, and nothing flips.
            let unknown = world.push(&[("requirements.txt", "greeting==1.0\nno-such-package\n")]);
            let refused = world.outcome(&unknown).await;
            assert!(reason(&refused).contains("no-such-package"), "{}", reason(&refused));
            let failing = world.push(&[("requirements.txt", "broken==1.0\n")]);
            let refused = world.outcome(&failing).await;
            assert!(reason(&refused).contains("nowhere_to_be_found"), "{}", reason(&refused));
            let malformed = world.push(&[("requirements.txt", "greeting==1.0\n===\n")]);
            let refused = world.outcome(&malformed).await;
            assert!(reason(&refused).contains("requirements.txt:2"), "{}", reason(&refused));
            assert_eq!(world.current().await.unwrap().1.commit, first);

            // A commit that git has and that cannot be published.
            std::os::unix::fs::symlink("/etc/passwd", world.path("repository/dags/link")).unwrap();
            let outside = world.push(&[]);
            assert!(reason(&world.outcome(&outside).await).contains("leaves the repository"));
            std::fs::remove_file(world.path("repository/dags/link")).unwrap();

            let fixed = world.push(&[("requirements.txt", "greeting==2.0\n")]);
            assert!(is_published(&world.outcome(&fixed).await));
            let (reference, publication) = world.current().await.unwrap();
            assert_eq!((reference.candidate, publication.sequence), (None, 2));
            // dags/a.py keeps its content; a base without Airflow has no DAG files, so it keeps its time too.
            assert_eq!(publication.previous.unwrap().sequence(), 1);
        })
        .await;
    // Another process after this one finds everything done.
    let before = text(&world.path("store/v1/trees/main/refs"), "main.json");
    let status = world.status().unwrap().outcomes.len();
    let mut again = world.settings();
    again.once = true;
    agent::sync::run(again, tokio_util::sync::CancellationToken::new()).await.unwrap();
    assert_eq!(text(&world.path("store/v1/trees/main/refs"), "main.json"), before);
    assert_eq!(world.status().unwrap().outcomes.len(), status);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_requirements_there_are_no_environments() {
    let Some(world) = World::new() else { return };
    let commit = world.push(&[("dags/a.py", "print(1)\n")]);
    world
        .following(async {
            assert!(is_published(&world.outcome(&commit).await));
            assert_eq!(world.current().await.unwrap().1.environments, []);
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repository_that_is_gone_is_trouble_until_it_is_back() {
    let Some(world) = World::new() else { return };
    let first = world.push(&[("dags/a.py", "1\n")]);
    world
        .following(async {
            world.outcome(&first).await;
            std::fs::rename(world.path("repository"), world.path("aside")).unwrap();
            let status = world.until("trouble is told", |status| status.trouble.is_some()).await;
            let text = status.to_string();
            assert!(text.contains("there is no git repository at"), "{text}");
            assert!(text.contains("hint: check the address"), "{text}");
            std::fs::rename(world.path("aside"), world.path("repository")).unwrap();
            let second = world.push(&[("dags/a.py", "2\n")]);
            assert!(is_published(&world.outcome(&second).await));
            world.until("trouble is over", |status| status.trouble.is_none()).await;
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_syncs_make_one_sequence() {
    let Some(world) = World::new() else { return };
    let first = world.push(&[("dags/a.py", "1\n")]);
    let mut other = world.settings();
    other.state_dir = world.path("state2");
    std::fs::create_dir(&other.state_dir).unwrap();
    let stop = tokio_util::sync::CancellationToken::new();
    let second_sync = agent::sync::run(other, stop.clone());
    let work = world.following(async {
        for round in 0..3 {
            let commit = world.push(&[("dags/a.py", &format!("{round}\n"))]);
            testkit::wait_for_async(
                std::time::Duration::from_secs(60),
                "the commit is current",
                async || {
                    let current = world.current().await.map(|(_, publication)| publication.commit);
                    if current.as_deref() == Some(&*commit) { Ok(()) } else { Err(format!("{current:?}")) }
                },
            )
            .await;
        }
        stop.cancel();
    });
    let (ended, ()) = tokio::join!(second_sync, work);
    ended.unwrap();
    let (_, mut publication) = world.current().await.unwrap();
    // One line of publications back to the first, without a repeated sequence.
    let store = world.store().await;
    let mut seen = vec![publication.sequence];
    while let Some(previous) = publication.previous.clone() {
        let key = domain::keys::publication(&publication.repository, &previous);
        publication = serde_json::from_slice(&store.get(&key).await.unwrap().unwrap().bytes).unwrap();
        seen.push(publication.sequence);
    }
    assert!(seen.is_sorted_by(|a, b| a > b), "{seen:?}");
    assert!(seen.len() >= 3, "{seen:?} {first}");
}
