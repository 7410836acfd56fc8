//! With a real Airflow as base, where `UPDRAFT_TEST_AIRFLOW` names its venv.

use std::path::PathBuf;

use crate::world::{World, is_published, reason};

/// As people write it; on Airflow 3.3 it cannot work.
const REQUIREMENTS: &str = "apache-airflow-providers-google==10.1.0\npandas>=2.0.0\nscikit-learn==1.3.0\n";

const DAG: &str = "from airflow.sdk import DAG, task\nwith DAG('ok', schedule=None):\n    @task\n    def t(): pass\n    t()\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_dag_file_that_does_not_parse_in_the_new_environment_refuses_it() {
    let Some(venv) = std::env::var_os("UPDRAFT_TEST_AIRFLOW").map(PathBuf::from) else {
        println!("skipped: UPDRAFT_TEST_AIRFLOW names no venv with Airflow");
        return;
    };
    let Some(world) = World::over(tempfile::tempdir().unwrap(), venv.join("bin/python")) else { return };
    world.wheel("greeting", "1.0", "HELLO = 'one'\n");
    let dag = format!("import greeting\n{DAG}");
    let first = world.push(&[("dags/a.py", &dag), ("requirements.txt", "greeting==1.0\n")]);
    world
        .following(async {
            let outcome = world.outcome(&first).await;
            assert!(is_published(&outcome), "{outcome:?}");
            let before = world.current().await.unwrap().1;

            let lacking = world.push(&[("dags/b.py", &format!("import missing_here\n{DAG}"))]);
            insta::assert_snapshot!(reason(&world.outcome(&lacking).await), @r"
            1 DAG file does not parse in the new environment
              - dags/b.py: ModuleNotFoundError: No module named 'missing_here'
                dags/b.py:1: import missing_here
            ");
            assert_eq!(world.current().await.unwrap().1, before);

            // A module that is no DAG file: the DAG file gets a new time, so that it is parsed again.
            std::fs::remove_file(world.path("repository/dags/b.py")).unwrap();
            let helper = world.push(&[("dags/shared.py", "NUMBER = 1\n")]);
            assert!(is_published(&world.outcome(&helper).await));
            let after = world.current().await.unwrap().1;
            let time = |publication: &domain::Publication, path: &str| {
                publication.files.iter().find(|file| file.path == path).unwrap().mtime_s
            };
            assert!(time(&after, "dags/a.py") > time(&before, "dags/a.py"));
            assert_eq!(time(&after, "requirements.txt"), time(&before, "requirements.txt"));
        })
        .await;
}

/// Needs the real index, minutes and some hundred megabytes: only where `UPDRAFT_TEST_INDEX` is set.
#[tokio::test(flavor = "multi_thread")]
async fn the_refusal_brings_a_proposal_that_works() {
    let venv = std::env::var_os("UPDRAFT_TEST_AIRFLOW").map(PathBuf::from);
    let (Some(venv), Some(_)) = (venv, std::env::var_os("UPDRAFT_TEST_INDEX")) else {
        println!("skipped: UPDRAFT_TEST_AIRFLOW and UPDRAFT_TEST_INDEX are not both set");
        return;
    };
    let Some(world) = World::over(tempfile::tempdir().unwrap(), venv.join("bin/python")) else { return };
    let world = world.with_index();
    let dag = format!("import pandas\nimport sklearn\n{DAG}");
    let first = world.push(&[("dags/model.py", &dag), ("requirements.txt", REQUIREMENTS)]);
    world
        .following(async {
            let refused = world.outcome(&first).await;
            println!("{} ms\n{}", refused.took_ms, reason(&refused));
            assert!(world.current().await.is_none());
            let (_, proposed) = reason(&refused).split_once("Proposed requirements.txt:\n").unwrap();
            let lines = proposed.lines().map_while(|line| line.strip_prefix("  "));
            let text = lines.collect::<Vec<_>>().join("\n") + "\n";
            let second = world.push(&[("requirements.txt", &text)]);
            let outcome = world.outcome(&second).await;
            println!("{outcome:#?}");
            assert!(is_published(&outcome));
        })
        .await;
}
