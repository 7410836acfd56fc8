//! The backends, each started fresh for one test.

use std::env;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use objectstore::Store;
use tempfile::TempDir;

/// A store and what keeps it alive.
pub(crate) struct Backend {
    pub(crate) store: Store,
    _server: Option<Server>,
    _folder: TempDir,
}

enum Server {
    Testkit { _server: testkit::s3::Server },
    Versitygw(Child),
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Self::Versitygw(child) = self {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

pub(crate) async fn directory() -> Option<Backend> {
    let folder = tempfile::tempdir().unwrap();
    // The directory itself need not exist yet.
    let store = Store::open(&format!("file://{}/store", folder.path().display())).await.unwrap();
    Some(Backend { store, _server: None, _folder: folder })
}

pub(crate) async fn testkit_s3() -> Option<Backend> {
    let folder = tempfile::tempdir().unwrap();
    let server = testkit::s3::Server::start(folder.path()).await;
    server.create_bucket("bkt");
    let store = at(&server.endpoint, &server.access_key, &server.secret_key);
    Some(Backend { store, _server: Some(Server::Testkit { _server: server }), _folder: folder })
}

/// A real S3 server by other people, where its binary is at hand.
pub(crate) async fn versitygw() -> Option<Backend> {
    let Some(binary) = env::var_os("UPDRAFT_TEST_VERSITYGW").map(PathBuf::from) else {
        println!("skipped: UPDRAFT_TEST_VERSITYGW does not name a versitygw binary");
        return None;
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("bkt")).unwrap();
    let port = testkit::free_port();
    let child = Command::new(binary)
        .args(["--port", &format!("127.0.0.1:{port}"), "--access", "access", "--secret", "secret-secret"])
        .args(["--region", "us-east-1", "posix"])
        .arg(folder.path())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server::Versitygw(child);
    let store = at(&format!("http://127.0.0.1:{port}"), "access", "secret-secret");
    testkit::wait_for_async(Duration::from_secs(20), "versitygw answers", async || {
        store.list("").await.map_err(|error| error.to_string())
    })
    .await;
    Some(Backend { store, _server: Some(server), _folder: folder })
}

fn at(endpoint: &str, access_key: &str, secret_key: &str) -> Store {
    Store::open_s3_at("s3://bkt/pre fix/a+b", endpoint, access_key, secret_key).unwrap()
}
