//! Requirements and constraints files at addresses, as Airflow publishes its constraints.

use insta::assert_snapshot;

use crate::index_server::Wheel;
use crate::world::World;

#[test]
fn constraints_are_fetched_and_kept_as_http_allows() {
    let world = World::with_packages();
    world.index.add(&Wheel { name: "beta", version: "2.0", requires: &[], code: "" });
    world.index.add_bytes("texts", "constraints.txt", b"# published\nbeta<2\n-r more.txt\n".to_vec(), None);
    world.index.add_bytes("texts", "more.txt", b"alpha==1.0\n".to_vec(), None);
    let base = world.index.url().replace("/simple", "");
    world.write("requirements.txt", &format!("-c {base}/files/constraints.txt\nalpha\n"));
    for _ in 0..2 {
        let ran = world.run(&["lock", "requirements.txt", "--base", "none"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stdout.contains("beta-1.0") && !ran.stdout.contains("beta-2.0"));
    }
    let asked = world.index.requests().iter().filter(|path| path.ends_with("constraints.txt")).count();
    assert_eq!(asked, 1, "the second run takes it from the cache");
    let on_command_line =
        world.run(&["lock", "requirements.txt", "-c", &format!("{base}/files/more.txt"), "--base", "none"]);
    assert_eq!(on_command_line.code, 0, "{}", on_command_line.stderr);
}

#[test]
fn addresses_that_give_nothing() {
    let world = World::with_packages();
    let base = world.index.url().replace("/simple", "");
    let gone = world.build(&format!("alpha\n-c {base}/files/gone.txt\n"));
    let dead = world.build("-r http://me:secret@127.0.0.1:9/r.txt\n");
    assert!(!dead.stderr.contains("127.0.0.1:9/r.txt: cannot read http://me:secret"));
    assert_snapshot!(format!("exit {}\n{}\nexit {}\n{}", gone.code, gone.stderr, dead.code, dead.stderr), @"
    exit 65
    error: requirements.txt:2: cannot read http://127.0.0.1:[PORT]/files/gone.txt: there is no such file
      2 | -c http://127.0.0.1:[PORT]/files/gone.txt
    hint: paths behind -r and -c are relative to the file that names them

    exit 69
    error: requirements.txt:1: cannot read http://127.0.0.1:9/r.txt: it is not available: the index at http://127.0.0.1:9/r.txt cannot be reached: error sending request: client error (Connect): tcp connect error: Connection refused (os error 111)
      1 | -r http://127.0.0.1:9/r.txt
    ");
}
