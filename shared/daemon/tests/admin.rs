//! The admin server over a real socket.

#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use std::time::Duration;

use daemon::{CancellationToken, Health, admin};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn get(address: std::net::SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[tokio::test]
async fn probes_tell_the_truth_and_metrics_render() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let health = Health::new();
    let redis = health.component("redis");
    let heartbeat = health.heartbeat("tick", Duration::from_millis(100));
    let metrics = admin::metrics().unwrap();
    metrics::counter!("updraft_test_ticks_total").increment(3);

    let stop = CancellationToken::new();
    let client = async {
        assert_eq!(
            get(address, "/readyz").await,
            (503, r#"{"status":"not ready","reasons":{"redis":"starting"}}"#.into())
        );
        redis.ready();
        assert_eq!(get(address, "/readyz").await, (200, r#"{"status":"ready"}"#.into()));
        heartbeat.beat();
        assert_eq!(get(address, "/livez").await.0, 200);
        tokio::time::sleep(Duration::from_millis(150)).await; // longer than the allowed silence
        let (code, body) = get(address, "/livez").await;
        assert_eq!(code, 503);
        assert!(body.contains("silent for"), "{body}");
        heartbeat.beat();
        assert_eq!(get(address, "/livez").await.0, 200);
        assert!(get(address, "/metrics").await.1.contains("updraft_test_ticks_total 3"));
        stop.cancel();
    };
    let (served, ()) = tokio::join!(admin::serve(listener, health, metrics, stop.clone()), client);
    served.unwrap();
}
