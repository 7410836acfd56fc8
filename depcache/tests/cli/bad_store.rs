//! Stores that cannot be used.

use insta::assert_snapshot;

use crate::world::World;

#[test]
fn no_s3_there() {
    let mut world = World::with_packages();
    world.use_store("s3://bucket/prefix");
    // Port 9 of loopback: nobody listens there, and nobody will.
    for (name, value) in [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "topsecret"),
        ("AWS_REGION", "us-east-1"),
    ] {
        world.set(name, value);
    }
    let ran = world.build("beta\n");
    assert!(!ran.stderr.contains("topsecret"));
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 69
    error: cannot read `v1/aliases/[DIGEST].json` in s3://bucket/prefix: dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111)
    hint: check that the S3 endpoint (AWS_ENDPOINT_URL) is up and reachable from here
    ");
}

#[test]
fn address_of_no_store() {
    let mut world = World::with_packages();
    world.use_store("ftp://somewhere");
    let ran = world.build("beta\n");
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 64
    error: `ftp://somewhere` is not an object store address: it starts with neither s3:// nor file://
    hint: use s3://bucket/prefix or file:///directory
    ");
}

#[test]
fn wrong_secret() {
    let root = tempfile::tempdir().unwrap();
    let server = testkit::s3::Server::start_at(root.path(), 0);
    let mut world = World::with_packages();
    world.use_store("s3://updraft/prefix");
    server.create_bucket("updraft");
    for (name, value) in server.env() {
        world.set(name, &value);
    }
    world.set("AWS_SECRET_ACCESS_KEY", "topsecret");
    let ran = world.build("beta\n");
    assert!(!ran.stderr.contains("topsecret"));
    assert_snapshot!(format!("exit {}\n{}", ran.code, ran.stderr), @"
    exit 69
    error: cannot read `v1/aliases/[DIGEST].json` in s3://updraft/prefix: service error: unhandled error 
    hint: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN
    ");
}
