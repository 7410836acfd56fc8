//! Repetition, tokens and errors against a server that answers from a script; captured answers of a real Airflow.

#![allow(clippy::unwrap_used, reason = "the scripted server is part of the tests")]

use std::path::Path;

use airflow_api::{Client, Credentials, Error, LogPage, TaskInstance};
use secrecy::SecretString;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Serves one connection per answer (`None`: close without one); gives back what was asked.
async fn script(answers: Vec<Option<(u16, &'static str)>>) -> (Client, JoinHandle<Vec<String>>) {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let credentials =
        Credentials::User { name: "ada".to_owned(), password: SecretString::from("s3cret".to_owned()) };
    let server = async move {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut connection, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 4096];
            let size = connection.read(&mut request).await.unwrap();
            asked.push(String::from_utf8_lossy(&request[..size]).into_owned());
            if let Some((status, body)) = answer {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
                    body.len()
                );
                connection.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
            }
        }
        asked
    };
    // A test's own server: awaited by the test through the handle.
    #[expect(clippy::disallowed_methods, reason = "the handle is awaited")]
    let handle = tokio::spawn(server);
    (Client::new(&address, credentials).unwrap(), handle)
}

/// The first answer: this Airflow knows `/api/v2`.
const THREE: Option<(u16, &str)> = Some((200, r#"{"version":"3.3.2"}"#));
const UNKNOWN: Option<(u16, &str)> = Some((404, "<h1>lots of circles</h1>"));
const TWO: Option<(u16, &str)> = Some((200, r#"{"version":"2.11.2"}"#));
const TOKEN: Option<(u16, &str)> = Some((201, r#"{"access_token":"t1"}"#));
const RUN: &str =
    r#"{"dag_run_id":"r+1","state":"running","bundle_version":"00000001-0123456789ab","new_field":1}"#;

#[tokio::test]
async fn the_token_is_fetched_once_and_sent() {
    let (client, server) = script(vec![THREE, TOKEN, Some((200, RUN)), Some((200, RUN))]).await;
    for _ in 0..2 {
        let run = client.run("d", "r+1").await.unwrap();
        assert_eq!(run.bundle_version.as_deref(), Some("00000001-0123456789ab"));
    }
    let asked = server.await.unwrap();
    assert!(asked[1].starts_with("POST /auth/token "), "{}", asked[1]);
    assert!(asked[2].starts_with("GET /api/v2/dags/d/dagRuns/r%2B1 "), "{}", asked[2]);
    assert!(asked[3].to_ascii_lowercase().contains("authorization: bearer t1"), "{}", asked[3]);
}

#[tokio::test]
async fn an_expired_token_is_replaced_once() {
    let denied = Some((401, r#"{"detail":"Invalid JWT token"}"#));
    let fresh = Some((201, r#"{"access_token":"t2"}"#));
    let (client, server) = script(vec![THREE, TOKEN, denied, fresh, Some((200, RUN))]).await;
    client.run("d", "r").await.unwrap();
    assert!(server.await.unwrap()[4].to_ascii_lowercase().contains("bearer t2"));

    let (client, _server) = script(vec![THREE, TOKEN, denied, fresh, denied]).await;
    let error = client.run("d", "r").await.unwrap_err();
    insta::assert_snapshot!(error, @"Airflow answered 401 Unauthorized when asked for a run: Invalid JWT token");
    assert!(!error.is_retryable() && error.hint().is_some());
}

#[tokio::test]
async fn a_busy_or_broken_server_is_asked_again_a_bounded_number_of_times() {
    let (client, server) = script(vec![THREE, TOKEN, Some((503, "")), None, Some((200, RUN))]).await;
    client.run("d", "r").await.unwrap();
    server.await.unwrap();

    let (client, _server) =
        script(vec![THREE, TOKEN, Some((503, "")), Some((502, "")), Some((503, ""))]).await;
    let error = client.run("d", "r").await.unwrap_err();
    insta::assert_snapshot!(error, @"Airflow answered 503 Service Unavailable when asked for a run: no reason given");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_run_is_never_triggered_twice() {
    let (client, server) = script(vec![THREE, TOKEN, None]).await;
    let error = client.trigger("d", "r", serde_json::json!({})).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }));
    assert_eq!(server.await.unwrap().len(), 3);
}

#[tokio::test]
async fn airflow_2_gets_the_password_with_each_request_and_its_own_paths() {
    let health = r#"{"metadatabase":{"status":"healthy"},"scheduler":{"status":"healthy"},"triggerer":{"status":null}}"#;
    let text =
        Some((200, "vm\n*** Found local files\n[2026-11-22T06:16:19.251+0000] {a.py:1} INFO - tick 1\n"));
    let answers =
        vec![UNKNOWN, TWO, Some((200, health)), Some((200, RUN)), text, Some((401, r#"{"title":"x"}"#))];
    let (client, server) = script(answers).await;
    assert!(client.health().await.unwrap().metadatabase.is_healthy());
    client.trigger("d", "r+1", serde_json::json!({})).await.unwrap();
    let log = client.log("d", "r", "t", -1, 1).await.unwrap();
    assert_eq!((log.content.len(), log.containing("tick").count()), (3, 1));
    assert!(client.run("d", "r").await.is_err(), "no token could help");
    let asked = server.await.unwrap();
    assert!(
        asked[2].starts_with("GET /api/v1/health ") && !asked[2].contains("uthorization"),
        "{}",
        asked[2]
    );
    assert!(asked[3].starts_with("POST /api/v1/dags/d/dagRuns ") && !asked[3].contains("logical_date"));
    assert!(asked[3].contains("asic YWRhOnMzY3JldA=="), "{}", asked[3]);
    assert!(asked[4].contains("text/plain"), "{}", asked[4]);
}

#[tokio::test]
async fn errors_hold_no_secret() {
    let (client, _server) = script(vec![Some((500, "boom"))]).await;
    let error = client.dag("d").await.unwrap_err();
    let told = format!("{error} {error:?} {client:?}");
    assert!(!told.contains("s3cret"), "{told}");
}

#[tokio::test]
async fn no_server_and_no_address() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let client = Client::new("http://127.0.0.1:9", Credentials::AllAdmins).unwrap();
    let error = client.health().await.unwrap_err();
    insta::assert_snapshot!(error, @"Airflow did not answer when asked for its version");
    for address in ["", "airflow:8080", "ftp://x", "/x"] {
        assert!(
            matches!(Client::new(address, Credentials::AllAdmins), Err(Error::Address { .. })),
            "{address}"
        );
    }
}

#[test]
fn captured_answers_of_a_real_airflow_are_understood() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/fixtures/airflow");
    let read = |name: &str| std::fs::read(folder.join(name));
    let (Ok(task), Ok(log)) = (read("af3_api_ti.json"), read("af3_api_logs_json.json")) else {
        println!("captures are missing, nothing to check");
        return;
    };
    let task: TaskInstance = serde_json::from_slice(&task).unwrap();
    assert_eq!((task.state.as_deref(), task.map_index, task.is_finished()), (Some("success"), -1, true));
    let log: LogPage = serde_json::from_slice(&log).unwrap();
    assert!(log.containing("Worker startup parse complete").next().is_some());
}
