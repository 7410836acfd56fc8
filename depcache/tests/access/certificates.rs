//! A private authority, and servers that want to know who asks.

use std::path::Path;
use std::process::Command;

use crate::world::World;

/// An authority, and certificates of a server and a client by it. `None` where the machine has no `openssl`.
fn certificates() -> Option<tempfile::TempDir> {
    let dir = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let made =
            Command::new("openssl").args(line.split_whitespace()).current_dir(dir.path()).output().ok()?;
        assert!(made.status.success(), "{line}: {}", String::from_utf8_lossy(&made.stderr));
        Some(())
    };
    run("req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority")?;
    for name in ["localhost", "client"] {
        run(&format!("req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}"))?;
        std::fs::write(dir.path().join("names"), format!("subjectAltName=DNS:{name}\n")).unwrap();
        run(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out {name}.pem"
        ))?;
    }
    let text = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    std::fs::write(dir.path().join("both.pem"), text("client.pem") + &text("client.key")).unwrap();
    Some(dir)
}

fn at(dir: &Path, name: &str) -> String {
    dir.join(name).display().to_string()
}

#[test]
fn private_authorities_and_client_certificates() {
    let Some(dir) = certificates() else {
        println!("no openssl on this machine: certificates are not tested");
        return;
    };
    let path = dir.path().to_owned();
    let (authority, both) = (at(&path, "ca.pem"), at(&path, "both.pem"));
    let world = World::with_tls(dir, &["localhost.pem", "localhost.key"]);
    let index = world.index("plain");
    world.lock(&["--index-url", &index]).failed(69, "certificates (--cert");
    world.lock(&["--index-url", &index, "--cert", &authority]).ok();
    world
        .lock(&["--index-url", &index, "--cache-dir", "c2", "--cert", "gone.pem"])
        .failed(69, "gone.pem cannot be read");
    drop(world);

    let dir = certificates().unwrap();
    let path = dir.path().to_owned();
    let authority_of_clients = at(&path, "ca.pem");
    let world = World::with_tls(dir, &["localhost.pem", "localhost.key", "ca.pem"]);
    let index = world.index("plain");
    world.lock(&["--index-url", &index, "--cert", &authority_of_clients]).failed(69, "cannot be reached");
    assert!(!Path::new(&both).exists());
    let both = at(&path, "both.pem");
    world.lock(&["--index-url", &index, "--cert", &authority_of_clients, "--client-cert", &both]).ok();
}
