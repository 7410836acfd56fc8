//! Proposals: the smallest change, verified, with the rest of the file as it was.

use std::collections::BTreeMap;

use depcache_resolve::requirements::ReadError;
use depcache_resolve::{Input, Proposal, ResolveError, expand, propose, propose_cap, propose_other, resolve};

use crate::world::{World, base, day, input, name, pins};

fn proposal(input: &Input, world: &World) -> Option<Proposal> {
    match resolve(input, world) {
        Err(ResolveError::Conflict(conflict)) => propose(input, world, &conflict).unwrap(),
        other => panic!("expected a conflict, got {other:?}"),
    }
}

/// The proposal as people see it; its texts must mean what it says.
fn shown(proposal: &Proposal, world: &World, before: &Input) -> String {
    let read = |path: &str| {
        let file = proposal.expanded.files.iter().find(|file| file.path == path);
        file.map(|file| file.text.as_bytes().to_vec()).ok_or(ReadError::NotFound)
    };
    let again = expand(&[&proposal.expanded.files[0].path], &[], &read, &BTreeMap::new()).unwrap();
    let again = Input { expanded: again, ..before.clone() };
    assert_eq!(resolve(&again, world).unwrap(), proposal.resolution, "the text says something else");
    for (read, kept) in again.expanded.requirements.iter().zip(&proposal.expanded.requirements) {
        assert_eq!(read.origin, kept.origin);
    }
    let changes = proposal.changes.iter().map(|change| {
        let before = change.before.as_deref().unwrap_or("(new)");
        format!("{}:{} {before} -> {}\n  {}\n", change.file, change.line, change.after, change.why)
    });
    let files = proposal.expanded.files.iter().map(|file| format!("--- {}\n{}", file.path, file.text));
    changes.chain(files).collect()
}

/// The main job's example in small: names, versions and upload order as they were.
fn the_world_of_the_demo() -> World {
    let mut world = World::default();
    let releases: [(&str, &str, &[&str], i64); 12] = [
        (
            "apache-airflow-providers-google",
            "10.1.0",
            &["apache-airflow>=2.4.3", "gcloud-aio-auth>=4.0.0,<5.0.0", "pandas>=0.17.1"],
            19_500,
        ),
        (
            "apache-airflow-providers-google",
            "22.8.0",
            &["apache-airflow>=2.11.0", "gcloud-aio-auth>=5.2.0", "pandas>=2.1.2"],
            20_700,
        ),
        ("gcloud-aio-auth", "4.0.0", &["cryptography<39.0.0,>=2.0.0"], 19_100),
        ("gcloud-aio-auth", "4.2.3", &["cryptography<42.0.0,>=2.0.0"], 19_550),
        ("gcloud-aio-auth", "5.4.2", &["cryptography>=2.0.0"], 20_300),
        ("pandas", "2.0.3", &["numpy>=1.21"], 19_537),
        ("pandas", "2.3.3", &["numpy>=1.23.2"], 20_360),
        ("scikit-learn", "1.3.0", &["numpy>=1.17.3"], 19_538),
        ("scikit-learn", "1.7.2", &["numpy>=1.22"], 20_340),
        ("numpy", "1.25.0", &[], 19_525),
        ("numpy", "1.26.4", &[], 19_758),
        ("numpy", "2.4.6", &[], 20_600),
    ];
    for (package, version, requires, uploaded) in releases {
        world = world
            .wheel(package, version, requires)
            .with(package, |file| file.upload_time_ms = Some(day(uploaded)));
    }
    world
}

#[test]
fn the_main_job() {
    let world = the_world_of_the_demo();
    let record =
        base(&[("apache-airflow", "3.3.2", &[]), ("cryptography", "46.0.3", &[])], &["cryptography"]);
    let lines = "# analytics\napache-airflow-providers-google==10.1.0\npandas>=2.0.0\nscikit-learn==1.3.0  # until the model is retrained\n";
    let mut input = input(&[("requirements.txt", lines)], record);
    insta::assert_snapshot!(resolve(&input, &world).unwrap_err());
    let first = proposal(&input, &world).unwrap();
    let mut text = shown(&first, &world, &input);
    assert_eq!(pins(&first.resolution).iter().find(|pin| pin.starts_with("numpy")).unwrap(), "numpy==2.4.6");
    input.expanded = first.expanded;
    let second = propose_cap(&input, &world, &name("scikit-learn"), &name("numpy")).unwrap().unwrap();
    text += "\n";
    text += &shown(&second, &world, &input);
    text += &pins(&second.resolution).join("\n");
    insta::assert_snapshot!(text);
}

#[test]
fn layout_extras_and_markers_survive() {
    let world = World::default()
        .wheel("a", "1", &["c<2"])
        .wheel("a", "2", &["c>=2"])
        .wheel("b", "1", &["c>=2"])
        .wheel("c", "1", &[])
        .wheel("c", "2", &[]);
    let lines = "# top\r\nb\r\n  A[x] == 1 \\\r\n    ; python_version > '3'  # keep me\r\nc\r\n";
    let input = input(&[("requirements.txt", lines)], base(&[], &[]));
    let found = proposal(&input, &world).unwrap();
    assert_eq!(
        found.expanded.files[0].text,
        "# top\r\nb\r\nA[x]==2 ; python_version > '3'  # keep me\r\nc\r\n"
    );
    shown(&found, &world, &input);
}

#[test]
fn two_lines_are_changed_when_one_does_not_help() {
    let world = World::default()
        .wheel("a", "1", &["c==1"])
        .wheel("a", "2", &["c==3"])
        .wheel("b", "1", &["c==2"])
        .wheel("b", "2", &["c==3"])
        .wheel("c", "1", &[])
        .wheel("c", "2", &[])
        .wheel("c", "3", &[]);
    let input = input(&[("requirements.txt", "a==1\nb~=1.0")], base(&[], &[]));
    let found = proposal(&input, &world).unwrap();
    assert_eq!(found.expanded.files[0].text, "a==2\nb==2");
    assert_eq!(found.changes.len(), 2);
}

#[test]
fn a_line_against_the_base_gets_the_base_version() {
    let world = World::default().wheel("apache-airflow", "3.1.8", &[]);
    let input =
        input(&[("requirements.txt", "apache-airflow<3.2")], base(&[("apache-airflow", "3.3.2", &[])], &[]));
    let found = proposal(&input, &world).unwrap();
    assert_eq!(found.expanded.files[0].text, "apache-airflow");
    assert_eq!(found.changes[0].why, "the base has 3.3.2, which works with everything else");
    assert!(found.resolution.packages.is_empty());
}

#[test]
fn nothing_is_proposed_where_nothing_helps() {
    let world = World::default().wheel("a", "1", &["gone"]);
    assert!(proposal(&input(&[("requirements.txt", "a==1")], base(&[], &[])), &world).is_none());
}

#[test]
fn a_cap_extends_the_users_own_line() {
    let world = the_world_of_the_demo();
    let lines = "scikit-learn==1.3.0\nnumpy >=1.20 ; python_version > '3'";
    let input = input(&[("requirements.txt", lines)], base(&[], &[]));
    let found = propose_cap(&input, &world, &name("scikit-learn"), &name("numpy")).unwrap().unwrap();
    assert_eq!(found.expanded.files[0].text, "scikit-learn==1.3.0\nnumpy>=1.20,<2 ; python_version > '3'");
    assert!(pins(&found.resolution).contains(&"numpy==1.26.4".into()));
    // Already capped: the culprit is not younger than what was known then.
    let mut capped = input.clone();
    capped.expanded = found.expanded;
    let again = propose_cap(&capped, &world, &name("scikit-learn"), &name("numpy")).unwrap();
    assert_eq!(
        again.map(|proposal| proposal.changes[0].after.clone()).as_deref(),
        Some("numpy>=1.20,<2,<1.26 ; python_version > '3'")
    );
}

#[test]
fn another_version_is_taken_when_one_does_not_work_by_itself() {
    let world = World::default()
        .wheel("tool", "1", &[])
        .wheel("tool", "2", &[])
        .wheel("tool", "3", &["lib<2"])
        .wheel("tool", "4", &["lib>=2"])
        .wheel("lib", "1", &[])
        .wheel("lib", "2", &[]);
    let other = |lines: &str| {
        let input = input(&[("requirements.txt", lines)], base(&[], &[]));
        let found = propose_other(&input, &world, &name("tool")).unwrap()?;
        shown(&found, &world, &input);
        Some((found.expanded.files[0].text.clone(), found.changes[0].why.clone()))
    };
    let text = |lines: &str| other(lines).map(|(text, _)| text);
    assert_eq!(text("tool==2  # mine\nlib<2\n").unwrap(), "tool==3  # mine\nlib<2\n");
    assert_eq!(text("tool==4").unwrap(), "tool==3", "nothing is above it");
    assert_eq!(text("tool").unwrap(), "tool==3");
    assert_eq!(
        other("tool==2").unwrap().1,
        "tool 2 does not work here; 4 of 2022-01 works with everything else; it is newer by 2 major versions than 2 of 2022-01 that you asked for"
    );
    assert_eq!(text("lib"), None, "it is on no line of the user");
}
