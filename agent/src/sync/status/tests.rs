use super::*;

fn status() -> Status {
    let outcome = |commit: char, verdict, warnings| Outcome {
        commit: commit.to_string().repeat(40),
        author: "Ada <ada@example.org>".into(),
        summary: "a change".into(),
        at: "2026-11-23T04:00:00Z".into(),
        verdict,
        warnings,
        took_ms: 1200,
        bases: vec!["0123456789ab".into()],
    };
    let mut status = Status::new("main".parse().unwrap());
    let publication = PublicationId::new(1, &"a".repeat(40)).unwrap();
    status.note(outcome(
        'a',
        Verdict::Published { publication },
        vec!["dags/x.py could not be proved".into()],
    ));
    status.note(outcome('b', Verdict::Refused { reason: "no such package\nhint: pandas?".into() }, vec![]));
    status
}

#[test]
fn as_people_see_it() {
    let mut status = status();
    status.trouble = Some(Told {
        message: "the git repository cannot be followed: there is no git repository at /srv/dags".into(),
        hint: Some("check the address".into()),
        since: "2026-11-23T04:01:00Z".into(),
    });
    insta::assert_snapshot!(status, @r"
    repository main
    trouble since 2026-11-23T04:01:00Z: the git repository cannot be followed: there is no git repository at /srv/dags
    hint: check the address

    bbbbbbbbbbbb refused, nothing flipped, 2026-11-23T04:00:00Z, 1200 ms
      a change (Ada <ada@example.org>)
      no such package
      hint: pandas?

    aaaaaaaaaaaa published as 00000001-aaaaaaaaaaaa, 2026-11-23T04:00:00Z, 1200 ms
      a change (Ada <ada@example.org>)
      warning: dags/x.py could not be proved
    ");
}

#[test]
fn it_reads_back_and_a_damaged_one_is_none() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(Status::load(dir.path()).unwrap(), None);
    status().save(dir.path()).unwrap();
    assert_eq!(Status::load(dir.path()).unwrap(), Some(status()));
    std::fs::write(dir.path().join(FILE), "{").unwrap();
    assert_eq!(Status::load(dir.path()).unwrap(), None);
}

#[test]
fn a_refusal_counts_for_the_bases_it_is_about() {
    let status = status();
    let (commit, bases) = ("b".repeat(40), ["0123456789ab".to_owned()]);
    assert!(status.is_refused(&commit, &bases));
    assert!(!status.is_refused(&commit, &[]));
    assert!(!status.is_refused(&"a".repeat(40), &bases));
}

#[test]
fn only_the_last_outcomes_are_kept() {
    let mut status = status();
    for _ in 0..30 {
        let outcome = status.outcomes[0].clone();
        status.note(outcome);
    }
    assert_eq!(status.outcomes.len(), KEPT);
}
