//! What is encoded is decoded; what is no usage file is refused by name.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use domain::UsageRecord;
use domain::usage::{SCHEMA, UsageKind, UsageQuality};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use usage_parquet::{DecodeError, decode, encode};

fn row() -> impl Strategy<Value = UsageRecord> {
    let kinds = prop_oneof![
        Just(UsageKind::Task),
        Just(UsageKind::Callback),
        Just(UsageKind::Overhead),
        Just(UsageKind::Idle),
        Just(UsageKind::Orphan),
        Just(UsageKind::Unattributed),
        Just(UsageKind::Worker),
    ];
    let text = "[a-zA-Zäß0-9_.:+-]{0,12}";
    (
        (text, any::<u64>(), any::<u64>(), any::<u64>(), text, text),
        (any::<i64>(), any::<u32>(), proptest::option::of(text), proptest::option::of(any::<[u8; 4]>())),
        (any::<u64>(), proptest::option::of(any::<u64>()), proptest::option::of(any::<u64>())),
        (kinds, any::<bool>()),
    )
        .prop_map(
            |(
                (writer, seq, start, end, dag_id, run_id),
                (map, tries, operator, env),
                (big, gpu, gpu_mem),
                (kind, exact),
            )| {
                UsageRecord {
                    schema: SCHEMA,
                    writer,
                    seq,
                    window_start: start,
                    window_end: end,
                    cluster: "c".into(),
                    node: "n".into(),
                    pod: "p".into(),
                    worker: "celery@p".into(),
                    pool: "default".into(),
                    queue: "heavy".into(),
                    airflow: "3.3.2".into(),
                    dag_id,
                    task_id: "t".into(),
                    run_id,
                    map_index: map,
                    try_number: tries,
                    ti_id: String::new(),
                    operator,
                    env_id: env.map(|bytes| domain::EnvId(domain::Digest::of(&bytes))),
                    state: "running".into(),
                    cpu_user_ns: big,
                    cpu_system_ns: 1,
                    mem_byte_s: u64::MAX - big,
                    mem_peak_bytes: 2,
                    io_read_bytes: 3,
                    io_write_bytes: 4,
                    gpu_ns: gpu,
                    gpu_mem_byte_s: gpu_mem,
                    processes_peak: tries,
                    slots: 1,
                    log_bytes: big,
                    kind,
                    quality: if exact { UsageQuality::Exact } else { UsageQuality::Sampled },
                }
            },
        )
}

proptest! {
    #[test]
    fn rows_come_back_as_they_were(rows in proptest::collection::vec(row(), 0..40)) {
        prop_assert_eq!(decode(encode(&rows).unwrap()).unwrap(), rows);
    }

    #[test]
    fn garbage_is_refused_and_panics_nowhere(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        prop_assert!(decode(bytes).is_err());
    }
}

#[test]
fn another_schema_is_refused_by_name() {
    let strategy = row();
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut record = strategy.new_tree(&mut runner).unwrap().current();
    record.schema = SCHEMA + 1;
    let error = decode(encode(&[record]).unwrap()).unwrap_err();
    assert!(matches!(error, DecodeError::Schema { found } if found == SCHEMA + 1));
    insta::assert_snapshot!(error, @"rows of schema 3; this version reads 2");
}
