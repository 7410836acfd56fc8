use std::path::PathBuf;
use std::process::Command;

use agent_gitsync::{Error, Limits, Login, Mirror, Remote};

use crate::repository::{HttpServer, Repository, git};

/// A working tree and a bare repository `served/dags.git` that it pushes to.
fn pushed() -> (Repository, PathBuf, String) {
    let repository = Repository::new();
    let bare = repository.dir.path().join("served/dags.git");
    std::fs::create_dir_all(&bare).unwrap();
    git(&bare, &["init", "--quiet", "--bare", "--initial-branch=main"]);
    repository.write("a.py", "1\n");
    let first = repository.commit("first");
    repository.git(&["push", "--quiet", bare.to_str().unwrap(), "main"]);
    (repository, bare, first)
}

fn ring() {
    // Fails only when another test of this process was first.
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[test]
fn over_http_until_the_server_goes_away() {
    ring();
    let (repository, bare, first) = pushed();
    let server = HttpServer::start(bare.parent().unwrap(), None);
    let mirror = repository.mirror_of(Remote::new(format!("http://127.0.0.1:{}/dags.git", server.port)));
    assert_eq!(mirror.poll("main").unwrap().as_str(), first);
    repository.write("a.py", "22\n");
    let second = repository.commit("second");
    repository.git(&["push", "--quiet", bare.to_str().unwrap(), "main"]);
    assert_eq!(mirror.poll("main").unwrap().as_str(), second);

    let missing = Remote::new(format!("http://127.0.0.1:{}/none.git", server.port));
    let other = Mirror::open(&repository.dir.path().join("other"), missing, Limits::default()).unwrap();
    let gone = other.poll("main").unwrap_err();
    assert!(matches!(gone, Error::NoRepository { .. }), "{gone:?}");

    drop(server);
    let away = mirror.poll("main").unwrap_err();
    assert!(matches!(away, Error::Unreachable { .. }) && away.is_retryable(), "{away:?}");
    // What was fetched is there without the server.
    assert_eq!(mirror.tree(&second.parse().unwrap()).unwrap().files()[0].size_bytes, 3);
}

#[test]
fn credentials_are_not_sent_in_clear_text() {
    ring();
    let (repository, ..) = pushed();
    let mirror = repository.mirror_of(Remote::new("http://ada:s3cret@127.0.0.1:1/dags.git"));
    let refused = mirror.poll("main").unwrap_err();
    assert!(matches!(refused, Error::Plaintext { .. }), "{refused:?}");
    assert!(!format!("{refused} {refused:?}").contains("s3cret"));
}

/// The certificate is trusted through `SSL_CERT_FILE`, which only a new process can be given.
#[test]
fn over_https_with_a_token_that_is_rotated() {
    const INNER: &str = "GITSYNC_TEST_CERTIFICATE";
    if let Some(certificate) = std::env::var_os(INNER) {
        return with_certificate(&PathBuf::from(certificate));
    }
    let dir = tempfile::tempdir().unwrap();
    let certificate = dir.path().join("both.pem");
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
        .arg(&certificate)
        .arg("-out")
        .arg(dir.path().join("certificate.pem"))
        .output();
    if !made.is_ok_and(|made| made.status.success()) {
        println!("skipped: no openssl to make a certificate");
        return;
    }
    let trusted = dir.path().join("certificate.pem");
    let both = [std::fs::read(&certificate).unwrap(), std::fs::read(&trusted).unwrap()].concat();
    std::fs::write(&certificate, both).unwrap();
    let name = "network::over_https_with_a_token_that_is_rotated";
    let inner = Command::new(std::env::current_exe().unwrap())
        .args([name, "--exact", "--nocapture"])
        .env(INNER, &certificate)
        .env("SSL_CERT_FILE", &trusted)
        .output()
        .unwrap();
    assert!(inner.status.success(), "{}", String::from_utf8_lossy(&inner.stderr));
    assert!(String::from_utf8_lossy(&inner.stdout).contains("1 passed"));
}

fn with_certificate(certificate: &std::path::Path) {
    ring();
    let (repository, bare, first) = pushed();
    let server = HttpServer::start(bare.parent().unwrap(), Some(("ada:right", certificate)));
    let url = format!("https://127.0.0.1:{}/dags.git", server.port);
    let file = repository.dir.path().join("password");
    std::fs::write(&file, "wrong\n").unwrap();
    let login = Login::PasswordFile { username: "ada".into(), path: file.clone() };
    let mirror = repository.mirror_of(Remote::new(&url).with_login(login));
    let refused = mirror.poll("main").unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused:?}");
    // The token is rotated: the next poll uses it.
    std::fs::write(&file, "right\n").unwrap();
    assert_eq!(mirror.poll("main").unwrap().as_str(), first);
    std::fs::remove_file(&file).unwrap();
    assert!(matches!(mirror.poll("main"), Err(Error::Password { .. })));
    // Nobody to ask, and nobody is asked.
    let nobody =
        Mirror::open(&repository.dir.path().join("nobody"), Remote::new(&url), Limits::default()).unwrap();
    assert!(matches!(nobody.poll("main"), Err(Error::Refused { .. })));
}
