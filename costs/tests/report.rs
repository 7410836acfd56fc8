//! `report` over real Parquet in a directory store.

#![allow(clippy::unwrap_used)] // a test may panic

mod support;

use domain::usage::UsageKind;
use support::synthetic::Shape;
use support::{DAY_MS, Place};

/// Two workers for two hours.
fn small() -> Place {
    let place = Place::new();
    place.fill(Shape { workers: 2, slots: 3, minutes: 120, from_ms: DAY_MS, minutes_per_file: 60, seed: 3 });
    place
}

const DAY: &str = "2026-11-22..2026-11-23";

#[test]
fn a_table_for_people() {
    insta::assert_snapshot!(small().said(&["report", "--window", DAY, "--top", "5", "--by", "task", "--check"]), @"
    exit 0
    Cost by task, 2026-11-22 00:00 to 2026-11-23 00:00 UTC, USD

    dag_id              task_id    attempts  wasted  CPU h  GiB h     tasks     waste     total
    ───────────────────────────────────────────────────────────────────────────────────────────
    marketing_orders_0  validate          3       0  0.127  0.462  0.005944  0.000000  0.005944
    sales_features_1    load_1            1       0  0.091  0.340  0.004307  0.000000  0.004307
    risk_orders_0       extract           2       0  0.084  0.314  0.003978  0.000000  0.003978
    marketing_ledger_0  transform         1       0  0.081  0.305  0.003853  0.000000  0.003853
    sales_features_0    validate          2       0  0.078  0.279  0.003628  0.000000  0.003628
    (188 more)                          229      15  2.070  7.384  0.096422  0.009441  0.096422
    ───────────────────────────────────────────────────────────────────────────────────────────
    total                               238      15  2.531  9.084  0.118132  0.009441  0.118132

                           cost   share
    ───────────────────────────────────
    tasks              0.118132  15.3 %
    callbacks          0.000000   0.0 %
    orphans            0.000000   0.0 %
    overhead           0.016459   2.1 %
    idle, empty slots  0.130209  16.8 %
    idle, busy slots   0.509590  65.8 %
    unattributed       0.000010   0.0 %
    ───────────────────────────────────
    sum of the parts   0.774400
    workers, as measured: 0.774400
    waste (failed, retried and lost attempts, within tasks): 0.009441

    identity holds: workers = sum of their parts; worst worker 0 ppm, limit 1000 ppm; all: CPU 0 ppm, memory 0 ppm; unattributed: CPU 5 ppm, memory 32 ppm
    read 1673 rows in 4 files
    ");
}

#[test]
fn pools_carry_their_own_idle() {
    insta::assert_snapshot!(small().said(&["report", "--window", DAY, "--by", "pool"]), @"
    exit 0
    Cost by pool, 2026-11-22 00:00 to 2026-11-23 00:00 UTC, USD

    pool     attempts  wasted   CPU h   GiB h     tasks  overhead      idle  unattributed     waste     total
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    default       238      15  16.000  64.000  0.118132  0.016459  0.639798      0.000011  0.009441  0.774400
    ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    total         238      15  16.000  64.000  0.118132  0.016459  0.639798      0.000011  0.009441  0.774400

                           cost   share
    ───────────────────────────────────
    tasks              0.118132  15.3 %
    callbacks          0.000000   0.0 %
    orphans            0.000000   0.0 %
    overhead           0.016459   2.1 %
    idle, empty slots  0.130209  16.8 %
    idle, busy slots   0.509590  65.8 %
    unattributed       0.000010   0.0 %
    ───────────────────────────────────
    sum of the parts   0.774400
    workers, as measured: 0.774400
    waste (failed, retried and lost attempts, within tasks): 0.009441

    identity holds: workers = sum of their parts; worst worker 0 ppm, limit 1000 ppm; all: CPU 0 ppm, memory 0 ppm; unattributed: CPU 5 ppm, memory 32 ppm
    read 1673 rows in 4 files
    ");
}

#[test]
fn owners_by_pattern_and_shared_idle_as_csv() {
    let arguments = ["report", "--window", DAY, "--by", "owner", "--share-idle", "slots", "--format", "csv"];
    insta::assert_snapshot!(small().said(&arguments), @"
    exit 0
    owner,attempts,attempts_wasted,cpu_ns,mem_byte_s,slot_ms,tasks,callbacks,orphans,overhead,idle,unattributed,waste,total,currency
    (unknown),146,10,5624638098000,21711722142572,22181207,0.072962543,0.000000000,0.000000000,0.000000000,0.397944468,0.000000000,0.007531768,0.470907011,USD
    Sales,50,4,1849986507000,7119834265335,7373369,0.023974777,0.000000000,0.000000000,0.000000000,0.130074689,0.000000000,0.001690972,0.154049466,USD
    Machine learning,42,1,1637184600000,6280460028279,6223924,0.021194832,0.000000000,0.000000000,0.000000000,0.111779188,0.000000000,0.000218177,0.132974020,USD
    ");
}

#[test]
fn one_json_document() {
    let place = Place::new();
    place.fill(Shape { workers: 1, slots: 1, minutes: 3, from_ms: DAY_MS, minutes_per_file: 60, seed: 3 });
    insta::assert_snapshot!(place.said(&["report", "--window", DAY, "--format", "json"]), @r#"
    exit 0
    {"schema":1,"window":{"from_ms":1795305600000,"to_ms":1795392000000},"by":"dag","share_idle":"none","currency":"USD","lines":[{"group":["finance_events_1"],"cpu_ns":7796430000,"mem_byte_s":25615430646,"slot_ms":86627,"attempts":1,"attempts_wasted":0,"tasks":"0.000096267","callbacks":"0.000000000","orphans":"0.000000000","overhead":"0.000000000","idle":"0.000000000","unattributed":"0.000000000","total":"0.000096267","waste":"0.000000000"},{"group":["finance_stock_0"],"cpu_ns":2058108000,"mem_byte_s":7235107165,"slot_ms":13193,"attempts":1,"attempts_wasted":0,"tasks":"0.000025927","callbacks":"0.000000000","orphans":"0.000000000","overhead":"0.000000000","idle":"0.000000000","unattributed":"0.000000000","total":"0.000025927","waste":"0.000000000"}],"totals":{"tasks":"0.000122194","callbacks":"0.000000000","orphans":"0.000000000","overhead":"0.000201371","idle_empty_slots":"0.004222166","idle_busy_slots":"0.005134186","unattributed":"0.000000083","parts":"0.009680000","workers":"0.009680000","waste":"0.000000000","idle_shared":"0.000000000"},"identity":{"holds":true,"limit_ppm":1000,"worst_error_ppm":0,"cpu_ns":{"whole":720000000000,"parts":720000000000,"unattributed":1900591,"error_ppm":0,"unattributed_ppm":3},"mem_byte_s":{"whole":3092376453120,"parts":3092376453120,"unattributed":61199848,"error_ppm":0,"unattributed_ppm":20},"workers":[{"worker":"celery@default-0","cpu_ns":{"whole":720000000000,"parts":720000000000,"unattributed":1900591,"error_ppm":0,"unattributed_ppm":3},"mem_byte_s":{"whole":3092376453120,"parts":3092376453120,"unattributed":61199848,"error_ppm":0,"unattributed_ppm":20}}]},"read":{"files":1,"rows":15,"rows_missing":0,"rows_repeated":0}}
    "#);
}

#[test]
fn every_grouping_has_the_same_totals() {
    let place = small();
    let totals: std::collections::BTreeSet<String> =
        ["dag", "task", "run", "queue", "owner", "pool", "worker", "env"]
            .map(|by| {
                let said = place.said(&["report", "--window", DAY, "--by", by, "--format", "json"]);
                let document: serde_json::Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
                assert_eq!(document["by"], by);
                document["totals"].to_string()
            })
            .into();
    assert_eq!(totals.len(), 1, "{totals:?}");
}

#[test]
fn a_later_window_end_wins_and_gaps_are_missing_rows() {
    let place = Place::new();
    let mut rows = Vec::new();
    let shape = Shape { workers: 1, slots: 1, minutes: 10, from_ms: DAY_MS, minutes_per_file: 60, seed: 3 };
    support::synthetic::generate(shape, |_, part| rows.extend(part));
    // The same rows once more in another file, one of them longer; and three rows lost.
    let mut again = rows.clone();
    rows.drain(5..8);
    place.put(&rows);
    again.drain(..12);
    again.truncate(2);
    again[0].window_end += 30_000;
    place.put(&again);
    let said = place.said(&["report", "--window", DAY]);
    insta::assert_snapshot!(said.lines().last().unwrap(), @"read 47 rows in 2 files; 3 ROWS ARE MISSING (gaps in their numbers): figures are too low; 2 came twice and count once");
}

#[test]
fn an_identity_that_does_not_hold_is_loud() {
    let place = Place::new();
    let shape = Shape { workers: 2, slots: 2, minutes: 10, from_ms: DAY_MS, minutes_per_file: 60, seed: 3 };
    support::synthetic::generate(shape, |_, mut part| {
        if let Some(row) =
            part.iter_mut().find(|row| row.kind == UsageKind::Task && row.worker.ends_with("-1"))
        {
            row.cpu_user_ns += 20_000_000_000;
        }
        place.put(&part);
    });
    let said = place.said(&["report", "--window", DAY, "--check"]);
    let end: Vec<&str> = said
        .lines()
        .filter(|line| line.contains("identity") || line.starts_with("  c") || line.starts_with("exit"))
        .collect();
    insta::assert_snapshot!(end.join("\n"), @"
    exit 1
    identity DOES NOT HOLD: workers = sum of their parts; worst worker 8334 ppm, limit 1000 ppm; all: CPU 4167 ppm, memory 0 ppm; unattributed: CPU 5 ppm, memory 37 ppm
      celery@default-1: CPU 2420000000000 of 2400000000000 ns, memory 10307921510400 of 10307921510400 byte s accounted for
    ");
}
