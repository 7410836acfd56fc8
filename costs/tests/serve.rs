//! `serve` over a real store, with live rows as agents send them.

#![allow(clippy::unwrap_used)] // a test may panic

mod support;

use std::time::Duration;

use domain::UsageRecord;
use domain::usage::UsageKind;
use support::server::{Server, TOKEN};
use support::synthetic::{self, Shape};
use support::{DAY_MS, Place, said};

const DAY: &str = "window=2026-11-22..2026-11-23";
const SMALL: Shape =
    Shape { workers: 3, slots: 3, minutes: 90, from_ms: DAY_MS, minutes_per_file: 60, seed: 5 };

/// The program that is asked to keep this day, whatever today is.
const KEEP: [&str; 2] = ["--keep-days", "3660"];

fn costs(server: &Server, query: &str) -> serde_json::Value {
    let mut document = server.get(&format!("/v1/costs?{DAY}&{query}")).json();
    document.as_object_mut().unwrap().remove("read");
    document
}

#[test]
fn the_server_says_what_the_report_says() {
    let place = Place::new();
    place.fill(SMALL);
    let server = Server::start(&place, &KEEP);
    for by in ["dag", "task", "run", "queue", "owner", "pool", "worker", "env"] {
        for share in ["none", "slots", "cost"] {
            let arguments = [
                "report",
                "--window",
                "2026-11-22..2026-11-23",
                "--by",
                by,
                "--share-idle",
                share,
                "--format",
                "json",
            ];
            let text = place.said(&arguments);
            let mut report: serde_json::Value = serde_json::from_str(text.lines().nth(1).unwrap()).unwrap();
            report.as_object_mut().unwrap().remove("read");
            assert_eq!(
                costs(&server, &format!("by={by}&share_idle={share}")),
                report,
                "by {by}, idle {share}"
            );
        }
    }
}

#[test]
fn live_rows_and_files_count_once() {
    let mut files = Vec::new();
    synthetic::generate(SMALL, |_, rows| files.push(rows));
    let rows: Vec<UsageRecord> = files.concat();
    // Without a file: only live rows, each first cut short, then whole, then the short one again.
    let place = Place::new();
    let server = Server::start(&place, &KEEP);
    for part in rows.chunks(500) {
        let short: Vec<UsageRecord> = part
            .iter()
            .cloned()
            .map(|mut row| {
                row.window_end = u64::midpoint(row.window_start, row.window_end);
                row.cpu_user_ns /= 3;
                row.state = if row.kind == UsageKind::Task { "running".into() } else { row.state };
                row
            })
            .collect();
        for rows in [&short[..], part, &short[..]] {
            let answer = server.post(rows, TOKEN);
            assert_eq!(answer.status, 200, "{}", answer.body);
            assert_eq!(answer.json()["acknowledged"].as_array().unwrap().len(), rows.len());
        }
    }
    let live = costs(&server, "by=task");
    // The files bring the same rows, and nothing changes.
    for rows in &files {
        place.put(rows);
    }
    let stored = || server.get("/v1/costs").json()["read"]["files"].as_u64().unwrap();
    testkit::wait_for(Duration::from_mins(1), "the files are taken", || {
        if stored() == files.len() as u64 { Ok(()) } else { Err(format!("{} files", stored())) }
    });
    assert_eq!(costs(&server, "by=task"), live);
    assert_eq!(server.post(&rows[..10], TOKEN).status, 200);
    assert_eq!(costs(&server, "by=task"), live);
    drop(server);
    // Built again from the store alone.
    let server = Server::start(&place, &["--keep-days", "3660", "--rebuild"]);
    assert_eq!(costs(&server, "by=task"), live);
    // And kept over a restart.
    drop(server);
    assert_eq!(costs(&Server::start(&place, &KEEP), "by=task"), live);
}

#[test]
fn what_is_refused_is_said() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let mut rows = Vec::new();
    synthetic::generate(Shape { minutes: 1, workers: 1, ..SMALL }, |_, part| rows.extend(part));
    let mut long = rows.clone();
    long[0].cpu_user_ns = u64::MAX;
    let answers = [
        server.post(&rows, "another"),
        server.post_text("{\"schema\": 2, \"records\": []}", TOKEN),
        server.post_text("[]", TOKEN),
        server.post(&long, TOKEN),
        server.get("/v1/costs?window=yesterday"),
        server.get("/v1/costs?by=colour"),
    ];
    let said = answers.map(|answer| format!("{} {}", answer.status, answer.body)).join("\n");
    insta::assert_snapshot!(said, @r#"
    401 {"error":"the bearer token is not the one of this server"}
    400 {"error":"schema 2 is not known; this server reads 1"}
    400 {"error":"the body is no usage request: invalid length 0, expected struct UsageRequest with 2 elements at line 1 column 2"}
    400 {"error":"row 1 of default-0-1795305600000: cpu_user_ns is implausible"}
    400 {"error":"`yesterday` is no window: its unit is none of m, h and d; write 90m, 24h or 7d (back from now), or 2026-11-01..2026-11-08 (the second day is not in it), UTC"}
    400 {"error":"`colour` is nothing to group by: expected dag, task, run, queue, owner, pool, worker or env"}
    "#);
}

#[test]
fn a_damaged_file_is_named_and_the_rest_counts() {
    let place = Place::new();
    place.fill(SMALL);
    std::fs::write(place.store().join("usage/v1/dt=2026-11-22/hour=00/other-1.parquet"), "no Parquet")
        .unwrap();
    let server = Server::start(&place, &KEEP);
    let page = server.get(&format!("/?{DAY}"));
    assert!(
        page.status == 200 && page.body.contains("dt=2026-11-22/hour=00/other-1.parquet"),
        "{}",
        page.body
    );
    assert!(server.get(&format!("/v1/costs?{DAY}")).json()["lines"].as_array().unwrap().len() > 10);
}

#[test]
fn text_from_outside_stays_text() {
    let place = Place::new();
    let mut rows = Vec::new();
    synthetic::generate(Shape { minutes: 5, workers: 1, ..SMALL }, |_, part| rows.extend(part));
    for row in rows.iter_mut().filter(|row| row.kind == UsageKind::Task) {
        row.dag_id = "<script>alert(1)</script>\"'&/?#".into();
    }
    place.put(&rows);
    let server = Server::start(&place, &KEEP);
    let page = server.get(&format!("/?{DAY}")).body;
    assert!(!page.contains("<script>alert") && page.contains("&#60;script&#62;alert"));
    let link = page.split("href=\"/dags/").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let dag = server.get(&format!("/dags/{link}"));
    assert!(dag.status == 200 && !dag.body.contains("<script>alert"), "{}", dag.body);
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let place = Place::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    std::fs::write(place.folder.path().join("empty"), "\n").unwrap();
    let mut all = said(&mut place.command(&["serve", "--listen", &address])).replace(&address, "ADDRESS");
    all += &place.said(&["serve", "--token-file", "nowhere"]);
    all += &place.said(&["serve", "--token-file", "empty"]);
    all += &place.said(&["serve", "--database", "no/folder/costs.db"]);
    insta::assert_snapshot!(all, @"
    exit 69
    error: cannot listen on ADDRESS: Address already in use (os error 98)
    hint: is another one running? --listen takes another address; port 0 takes any
    exit 65
    error: the token file nowhere cannot be read: No such file or directory (os error 2)
    hint: write one secret line, the same that agents have as UPDRAFT_COSTS_TOKEN
    exit 65
    error: the token file empty is empty
    hint: write one secret line, the same that agents have as UPDRAFT_COSTS_TOKEN
    exit 69
    error: the database no/folder/costs.db cannot be opened: unable to open database file: no/folder/costs.db: Error code 14: unable to open database file
    hint: check the folder and its owner; the file can be deleted at any time, it is built again from the store
    ");
}
