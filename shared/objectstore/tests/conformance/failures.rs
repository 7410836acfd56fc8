//! What a person is told when the store cannot be used.

use std::error::Error as _;
use std::time::Duration;

use objectstore::{Cause, Condition, Error, PutOutcome, Store};

fn told(error: &Error) -> String {
    format!("{error}\nhint: {}\nretryable: {}", error.hint().unwrap_or("none"), error.is_retryable())
}

fn cause(error: &Error) -> Cause {
    let Error::S3 { cause, source, .. } = error else { panic!("{error:?}") };
    assert!(!source.to_string().is_empty() && error.source().is_some());
    *cause
}

#[tokio::test]
async fn s3_failures_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let server = testkit::s3::Server::start(folder.path()).await;
    server.create_bucket("bkt");
    let (endpoint, access, secret) = (&server.endpoint, &server.access_key, &server.secret_key);
    let open = |url, access: &str, secret: &str| Store::open_s3_at(url, endpoint, access, secret).unwrap();

    let wrong_secret = open("s3://bkt/p", access, "wrong").get("k").await.unwrap_err();
    assert_eq!(cause(&wrong_secret), Cause::WrongCredentials);
    insta::assert_snapshot!(told(&wrong_secret), @r"
    cannot read `k` in s3://bkt/p
    hint: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
    retryable: false
    ");
    let error = open("s3://bkt/p", access, "wrong").head("k").await.unwrap_err();
    assert_eq!(cause(&error), Cause::WrongCredentials, "HEAD, whose answer has no body");
    let wrong_key = open("s3://bkt/p", "nobody", secret).list("k").await.unwrap_err();
    assert_eq!(cause(&wrong_key), Cause::WrongCredentials);

    let no_bucket = open("s3://none/p", access, secret);
    let error = no_bucket.put("k", "x".into(), Condition::Absent).await.unwrap_err();
    assert_eq!(cause(&error), Cause::NoSuchBucket);
    insta::assert_snapshot!(told(&error), @r"
    cannot write `k` in s3://none/p
    hint: create the bucket, or correct its name in the store's address
    retryable: false
    ");
    assert_eq!(cause(&no_bucket.get("k").await.unwrap_err()), Cause::NoSuchBucket);
    assert_eq!(cause(&no_bucket.head("k").await.unwrap_err()), Cause::NoSuchBucket);
    assert_eq!(cause(&no_bucket.list("").await.unwrap_err()), Cause::NoSuchBucket);

    let down = Store::open_s3_at("s3://bkt", &format!("http://127.0.0.1:{}", testkit::free_port()), "a", "b")
        .unwrap();
    let error = down.put("k", "x".into(), Condition::Absent).await.unwrap_err();
    assert_eq!(cause(&error), Cause::Unreachable);
    insta::assert_snapshot!(told(&error), @r"
    cannot write `k` in s3://bkt
    hint: check that the S3 endpoint (AWS_ENDPOINT_URL) is up and reachable from here
    retryable: true
    ");
}

#[tokio::test]
async fn an_outage_ends_when_the_server_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = testkit::s3::Server::start(folder.path()).await;
    server.create_bucket("bkt");
    let port = server.port();
    let store =
        Store::open_s3_at("s3://bkt", &server.endpoint, &server.access_key, &server.secret_key).unwrap();
    let PutOutcome::Written(etag) = store.put("k", "1".into(), Condition::Absent).await.unwrap() else {
        panic!("nothing was there")
    };
    drop(server);
    assert!(store.get("k").await.unwrap_err().is_retryable());
    let _server = testkit::s3::Server::start_at(folder.path(), port);
    testkit::wait_for_async(Duration::from_secs(10), "the store is back", async || {
        store.get("k").await.map_err(|error| error.to_string())
    })
    .await;
    assert_eq!(store.head("k").await.unwrap().unwrap().etag, etag, "etags survive a restart");
}

#[tokio::test]
async fn directory_failures_name_the_key_and_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let store = Store::open(&url).await.unwrap();
    store.put("co", "1".into(), Condition::Always).await.unwrap();
    let error = store.put("co/child", "2".into(), Condition::Always).await.unwrap_err();
    insta::assert_snapshot!(told(&error).replace(&url, "file:///store"), @r"
    cannot write `co/child` in file:///store
    hint: a directory store cannot hold both a key and keys below it; remove the one in the way
    retryable: false
    ");
    assert_eq!(store.get("co").await.unwrap().unwrap().bytes, "1");
    store.put("folder/child", "3".into(), Condition::Absent).await.unwrap();
    for condition in [Condition::Always, Condition::Absent] {
        let error = store.put("folder", "4".into(), condition).await.unwrap_err();
        assert!(error.hint().unwrap().contains("remove the one in the way"), "{error:?}");
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_at_once() {
    for url in ["", "http://x", "s3://", "file://relative"] {
        let error = Store::open(url).await.unwrap_err();
        assert_eq!(error.hint(), Some("use s3://bucket/prefix or file:///directory"));
    }
}
