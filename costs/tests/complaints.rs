//! What people see when something is wrong.

#![allow(clippy::unwrap_used)] // a test may panic

mod support;

use support::synthetic::Shape;
use support::{DAY_MS, Place, program, said};

#[test]
fn no_usage_is_no_error() {
    insta::assert_snapshot!(Place::new().said(&["report", "--window", "2026-11-22..2026-11-23"]), @"
    exit 0
    Cost by DAG, 2026-11-22 00:00 to 2026-11-23 00:00 UTC, USD

    There is no usage in this window.
    Do agents run, and do they and this report use the same store (UPDRAFT_STORE)?

    read 0 rows in 0 files
    ");
}

#[test]
fn a_missing_prices_file() {
    insta::assert_snapshot!(Place::new().said(&["report", "--prices", "nowhere.toml"]), @r#"
    exit 65
    error: the prices file nowhere.toml cannot be read: No such file or directory (os error 2)
    hint: write one: currency = "USD", [cpu] core_hour = "0.0316", [memory] gib_hour = "0.0042"
    "#);
}

#[test]
fn wrong_prices() {
    let place = Place::new();
    let mut all = String::new();
    for (right, wrong) in
        [("core_hour", "core_hours"), ("\"0.0316\"", "\"-0.0316\""), ("\"0.0042\"", "0.0042")]
    {
        std::fs::write(place.folder.path().join("prices.toml"), support::PRICES.replace(right, wrong))
            .unwrap();
        all += &place.said(&["report"]);
    }
    insta::assert_snapshot!(all, @r#"
    exit 65
    error: the prices cannot be used: prices.toml:4: unknown field `core_hours`, expected `core_hour`
    hint: docs/reference/prices.md shows every setting
    exit 65
    error: the prices cannot be used: prices.toml:4: core_hour = "-0.0316": a price is not below zero
    hint: prices are decimal numbers of at most nine decimals: "0.0316"
    exit 65
    error: the prices cannot be used: prices.toml:6: invalid type: floating point `0.0042`, expected a string
    hint: quote prices, so that they are read exactly: core_hour = "0.0316"
    "#);
}

#[test]
fn a_window_that_is_none() {
    insta::assert_snapshot!(Place::new().said(&["report", "--window", "last week"]), @"
    exit 64
    error: `last week` is no window: its unit is none of m, h and d
    hint: write 90m, 24h or 7d (back from now), or 2026-11-01..2026-11-08 (the second day is not in it), UTC
    ");
    insta::assert_snapshot!(Place::new().said(&["report", "--by", "colour"]), @"
    exit 64
    error: invalid value 'colour' for '--by <WHAT>': `colour` is nothing to group by: expected dag, task, run, queue, owner, pool, worker or env

    For more information, try '--help'.
    ");
}

#[test]
fn a_store_that_cannot_be_read() {
    let place = Place::new();
    let mut all = said(&mut program(place.folder.path(), "ftp://x/y", &["report"]));
    // Nothing listens on port 1; the words of the transport after the first sentence are its own.
    let mut command = program(place.folder.path(), "s3://bucket/prefix", &["report", "--window", "1h"]);
    let keys = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_REGION", "us-east-1")];
    let unreachable = said(command.envs(keys).env("AWS_ENDPOINT_URL", "http://127.0.0.1:1"));
    for line in unreachable.lines() {
        let own_words = line.split(": ").take(2).collect::<Vec<_>>().join(": ");
        all += &format!("{own_words}\n");
    }
    insta::assert_snapshot!(all, @"
    exit 65
    error: the store cannot be opened: `ftp://x/y` is not an object store address: it starts with neither s3:// nor file://
    hint: use s3://bucket/prefix or file:///directory
    exit 69
    error: usage cannot be read from the store
    hint: check that the S3 endpoint (AWS_ENDPOINT_URL) is up and reachable from here
    ");
}

#[test]
fn a_damaged_file_is_refused_by_name() {
    let place = Place::new();
    place.fill(Shape { workers: 1, slots: 1, minutes: 2, from_ms: DAY_MS, minutes_per_file: 60, seed: 3 });
    let path = place.store().join("usage/v1/dt=2026-11-22/hour=00/other-1.parquet");
    std::fs::write(path, "PAR1 this is none PAR1").unwrap();
    insta::assert_snapshot!(place.said(&["report", "--window", "2026-11-22..2026-11-23"]), @"
    exit 65
    error: `usage/v1/dt=2026-11-22/hour=00/other-1.parquet` cannot be read: the file is no readable Parquet: EOF: Parquet file too small. Size is 22 but need 543518327
    hint: restore the file from a copy, or move it out of usage/v1/: its rows are then missing and counted as such
    ");
}

#[test]
fn where_settings_come_from() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("costs.toml"), "keep_days = 30\n").unwrap();
    insta::assert_snapshot!(place.said(&["serve", "--config", "costs.toml", "--listen", "127.0.0.1:1", "--print-config"]), @"
    exit 0
    airflow_url is not set
    airflow_user is not set
    config = costs.toml  (flag)
    database = updraft-costs.db  (default)
    keep_days = 30  (file)
    listen = 127.0.0.1:1  (flag)
    log = info  (default)
    log_format = auto  (default)
    poll_interval_s = 15  (default)
    prices = prices.toml  (environment)
    rebuild = false  (default)
    store = file://FOLDER/store  (environment)
    stuck_after_min = 10  (default)
    token_file is not set
    ");
    std::fs::write(place.folder.path().join("costs.toml"), "keep_day = 30\n").unwrap();
    insta::assert_snapshot!(place.said(&["serve", "--config", "costs.toml"]), @"
    exit 64
    error: the configuration file costs.toml: `keep_day` is no setting of `serve`
    ");
}
