//! The dashboard as people see it, in Chromium: empty, running, after a day of a hundred thousand rows, and (ignored,
//! for `make soak`) of a million. Pictures go to `UPDRAFT_TEST_PICTURES` when that is set.

#![allow(clippy::unwrap_used)] // a test may panic

mod support;

use std::time::{Duration, Instant, SystemTime};

use domain::UsageRecord;
use domain::usage::UsageKind;
use support::Place;
use support::browser::{self, Browser};
use support::server::{Server, TOKEN};
use support::synthetic::{self, Shape};

/// Windows that people have: a desk and a telephone.
const WIDTHS: [u64; 2] = [1_280, 390];
const FIRST_PAINT_MS: f64 = 1_000.0;
const QUERY: Duration = Duration::from_millis(300);

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}

/// Looks at a page in both widths and both colour schemes; painted in time, nothing sticks out.
fn look(browser: &mut Browser, server: &Server, path: &str, name: &str) {
    for (width, scheme) in WIDTHS.into_iter().flat_map(|width| [(width, "light"), (width, "dark")]) {
        let seen = browser.look(&format!("http://127.0.0.1:{}{path}", server.port), width, 900, scheme);
        println!("{name} {width} {scheme}: first paint {:.0} ms", seen.first_paint_ms);
        if let Some(folder) = std::env::var_os("UPDRAFT_TEST_PICTURES") {
            let path = std::path::Path::new(&folder).join(format!("{name}-{width}-{scheme}.png"));
            std::fs::write(path, &seen.picture).unwrap();
        }
        assert!(
            seen.first_paint_ms <= FIRST_PAINT_MS,
            "{name}: first paint after {} ms",
            seen.first_paint_ms
        );
        assert!(
            seen.scroll_width <= width,
            "{name}: {} pixels wide in a window of {width}",
            seen.scroll_width
        );
        let foreign = "performance.getEntriesByType('resource').filter(e => !e.name.startsWith(location.origin)).length";
        assert_eq!(browser.evaluate(foreign), 0, "{name} loads from elsewhere");
    }
}

/// The last minutes of a fleet as live rows, one orphan and one stuck task among them.
fn live_rows(minutes: u64) -> Vec<UsageRecord> {
    let from_ms = now_ms() / 60_000 * 60_000 - minutes * 60_000;
    let mut rows = Vec::new();
    synthetic::generate(
        Shape { workers: 6, slots: 8, minutes, from_ms, minutes_per_file: 60, seed: 11 },
        |_, part| rows.extend(part),
    );
    let running = |row: &&UsageRecord| row.kind == UsageKind::Task && row.window_start == from_ms;
    let stuck = rows.iter().find(running).unwrap().clone();
    for minute in 0..minutes {
        let window_start = from_ms + minute * 60_000;
        let row = UsageRecord {
            writer: "another-life".into(),
            dag_id: "finance_ledger_0".into(),
            task_id: "wait_for_bank".into(),
            window_start,
            window_end: window_start + 60_000,
            state: "running".into(),
            slots: 1,
            ..stuck.clone()
        };
        let quiet =
            UsageRecord { cpu_user_ns: 0, cpu_system_ns: 0, log_bytes: 0, io_write_bytes: 0, ..row.clone() };
        let orphan = UsageRecord {
            kind: UsageKind::Orphan,
            task_id: "train".into(),
            cpu_user_ns: 58_000_000_000,
            slots: 0,
            state: "success".into(),
            ..row
        };
        // What they used is not idle.
        let is_idle = |row: &&mut UsageRecord| {
            row.kind == UsageKind::Idle && row.worker == orphan.worker && row.window_start == window_start
        };
        let idle = rows.iter_mut().find(is_idle).unwrap();
        idle.cpu_user_ns -= orphan.cpu_user_ns + orphan.cpu_system_ns;
        idle.mem_byte_s -= orphan.mem_byte_s + quiet.mem_byte_s;
        rows.push(UsageRecord { seq: 2 * minute, ..quiet });
        rows.push(UsageRecord { seq: 2 * minute + 1, ..orphan });
    }
    rows
}

#[test]
fn empty_and_running() {
    let Some(program) = browser::find() else { return };
    let mut browser = Browser::start(&program);
    let place = Place::new();
    let server = Server::start(&place, &[]);
    look(&mut browser, &server, "/", "empty");
    for rows in live_rows(45).chunks(2_000) {
        assert_eq!(server.post(rows, TOKEN).status, 200);
    }
    look(&mut browser, &server, "/", "running");
    let shown = browser.evaluate("document.querySelector('[data-live=zombies]').innerText");
    assert!(shown.as_str().unwrap().contains("wait_for_bank"), "{shown}");
    look(&mut browser, &server, "/dags/finance_ledger_0", "dag");
    let zombies = server.get("/v1/zombies").json();
    let kinds: Vec<&str> = zombies["zombies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|zombie| zombie["kind"].as_str().unwrap())
        .collect();
    assert!(kinds.contains(&"orphan") && kinds.contains(&"stuck"), "{zombies}");
    assert_eq!(server.get("/v1/identity").json()["holds"], true);
}

/// A day in the store, read by a new server; then questions and a look.
fn day(shape: Shape, name: &str) {
    let place = Place::new();
    let rows = place.fill(shape);
    let started = Instant::now();
    let server = Server::start(&place, &[]);
    let took = started.elapsed();
    let rate = rows as u128 * 1_000 / took.as_millis().max(1);
    println!("{name}: {rows} rows taken in {:.1} s, {rate} a second", took.as_secs_f64());
    for path in [
        "/v1/costs?by=dag",
        "/v1/costs?by=task",
        "/v1/costs?by=run",
        "/v1/costs?by=owner",
        "/v1/costs?by=worker",
        "/v1/costs?by=task&share_idle=slots",
        "/v1/costs?by=dag&window=30d",
        "/v1/series",
        "/v1/series?window=30d",
        "/v1/identity",
        "/v1/now",
        "/v1/zombies",
        "/",
        "/dags/sales_orders_0",
    ] {
        // The best of four: the first warms the page cache, and other programs share the machine's cores.
        let answers = (0..4).map(|_| server.get(path));
        let answer = answers.min_by_key(|answer| answer.took).unwrap();
        println!("{name}: {path} {} ms, {} kB", answer.took.as_millis(), answer.body.len() / 1_000);
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        assert!(answer.took <= QUERY, "{path} took {:?}", answer.took);
    }
    let identity = server.get("/v1/identity").json();
    println!("{name}: identity {} ppm, memory {} MiB", identity["worst_error_ppm"], server.memory_mib());
    assert_eq!(identity["holds"], true);
    let Some(program) = browser::find() else { return };
    let mut browser = Browser::start(&program);
    look(&mut browser, &server, "/", name);
}

#[test]
fn a_day_of_a_hundred_thousand_rows() {
    day(Shape::tenth(now_ms()), "tenth");
}

#[test]
#[ignore = "a million rows: part of make soak"]
fn a_day_of_a_million_rows() {
    day(Shape::million(now_ms()), "million");
}
