//! Answers of a real Airflow 2.11.2 (`captures/`), served to the client as they were taken.

#![allow(clippy::unwrap_used, reason = "the server is part of the tests")]

use airflow_api::{Api, Client, Credentials};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Paths of API v1 and what Airflow answered; everything else is unknown, API v2 too.
const ANSWERS: [(&str, &str); 8] = [
    ("/api/v1/version", include_str!("captures/two_version.json")),
    ("/api/v1/health", include_str!("captures/two_health.json")),
    ("/api/v1/dags/model", include_str!("captures/two_dag.json")),
    ("/api/v1/importErrors?limit=100", include_str!("captures/two_import_errors.json")),
    ("/api/v1/dags/fan_out/dagRuns/demo-forty", include_str!("captures/two_run.json")),
    (
        "/api/v1/dags/fan_out/dagRuns/demo-forty/taskInstances?limit=100",
        include_str!("captures/two_task_instances.json"),
    ),
    (
        "/api/v1/dags/model/dagRuns/demo-fit/taskInstances/fit/xcomEntries/return_value?stringify=false",
        include_str!("captures/two_xcom.json"),
    ),
    (
        "/api/v1/dags/fan_out/dagRuns/demo-forty/taskInstances/item/logs/1?map_index=3&full_content=true",
        include_str!("captures/two_log.txt"),
    ),
];

async fn airflow_2() -> (Client, JoinHandle<()>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let serve = async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let size = connection.read(&mut request).await.unwrap();
            let request = String::from_utf8_lossy(&request[..size]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default();
            let found = ANSWERS.iter().find(|(known, _)| *known == path);
            let (status, body) = found.map_or((404, "lots of circles"), |(_, body)| (200, *body));
            let head =
                format!("HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
            connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
        }
    };
    // A test's own server: ended by the test through the handle.
    #[expect(clippy::disallowed_methods, reason = "the handle is ended")]
    let handle = tokio::spawn(serve);
    (Client::new(&address, Credentials::AllAdmins).unwrap(), handle)
}

#[tokio::test]
async fn answers_of_airflow_2_are_understood() {
    let (airflow, server) = airflow_2().await;
    assert_eq!(airflow.api().await.unwrap(), Api::V1);
    let health = airflow.health().await.unwrap();
    assert!(health.metadatabase.is_healthy() && health.dag_processor.unwrap().is_healthy());
    let dag = airflow.dag("model").await.unwrap();
    assert_eq!(
        (dag.fileloc.as_str(), dag.bundle_name, dag.relative_fileloc),
        ("/srv/dags/model.py", None, None)
    );
    assert!(dag.last_parsed_time.is_some() && !dag.has_import_errors && !dag.is_paused);
    assert_eq!(airflow.import_errors().await.unwrap(), []);
    let run = airflow.run("fan_out", "demo-forty").await.unwrap();
    assert!(run.is_finished() && run.bundle_version.is_none());
    let tasks = airflow.task_instances("fan_out", "demo-forty").await.unwrap();
    let mapped: Vec<_> =
        tasks.iter().map(|task| (task.map_index, task.try_number, task.queue.as_deref())).collect();
    assert_eq!((mapped.len(), mapped[0]), (2, (2, 1, Some("short"))));
    assert!(tasks[0].id.is_none() && tasks[0].pid.is_some() && tasks[0].is_finished());
    let value = airflow.returned("model", "demo-fit", "fit").await.unwrap();
    assert_eq!(value["scikit-learn"], "1.3.0");
    let log = airflow.log("fan_out", "demo-forty", "item", 3, 1).await.unwrap();
    let printed = log.containing("item 3").find(|line| line.level.as_deref() == Some("info")).unwrap();
    assert_eq!(printed.event, "item 3");
    assert!(airflow.run("fan_out", "none").await.unwrap_err().is_not_found());
    server.abort();
}
