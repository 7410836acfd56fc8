//! The columns: how each field is stored, got and set.

use domain::usage::{UsageKind, UsageQuality};
use domain::{EnvId, UsageRecord};

/// How a column is stored and where its values are.
pub(crate) enum Column {
    U32(fn(&mut UsageRecord) -> &mut u32),
    U64(fn(&mut UsageRecord) -> &mut u64),
    I64(fn(&mut UsageRecord) -> &mut i64),
    Text(fn(&mut UsageRecord) -> &mut String),
    /// Text with few values; `false`: the value is none that this version knows.
    Word(fn(&UsageRecord) -> String, fn(&mut UsageRecord, &str) -> bool),
    OptionalU64(fn(&mut UsageRecord) -> &mut Option<u64>),
    /// As [`Column::Word`], absent where the field is.
    OptionalWord(fn(&UsageRecord) -> Option<String>, fn(&mut UsageRecord, &str) -> bool),
}

impl Column {
    /// Physical and logical type in Parquet's schema language.
    pub(crate) fn declared(&self) -> &'static str {
        match self {
            Self::U32(_) => "required int32 {} (INTEGER(32,false))",
            Self::U64(_) => "required int64 {} (INTEGER(64,false))",
            Self::I64(_) => "required int64 {}",
            Self::Text(_) | Self::Word(..) => "required binary {} (STRING)",
            Self::OptionalU64(_) => "optional int64 {} (INTEGER(64,false))",
            Self::OptionalWord(..) => "optional binary {} (STRING)",
        }
    }
}

macro_rules! columns {
    ($($name:ident: $kind:ident),* $(,)?) => {
        [$((stringify!($name), Column::$kind(|record| &mut record.$name))),*]
    };
}

/// Every column, in the order of the record's fields.
pub(crate) fn all() -> Vec<(&'static str, Column)> {
    let identity = columns![
        schema: U32, writer: Text, seq: U64, window_start: U64, window_end: U64, cluster: Text, node: Text, pod: Text,
        worker: Text, pool: Text, queue: Text, airflow: Text, dag_id: Text, task_id: Text, run_id: Text,
        map_index: I64, try_number: U32, ti_id: Text,
    ];
    let words = [
        (
            "operator",
            Column::OptionalWord(
                |record| record.operator.clone(),
                |record, text| {
                    record.operator = Some(text.to_owned());
                    true
                },
            ),
        ),
        (
            "env_id",
            Column::OptionalWord(
                |record| record.env_id.map(|id| id.to_string()),
                |record, text| {
                    record.env_id = text.parse::<EnvId>().ok();
                    record.env_id.is_some()
                },
            ),
        ),
    ];
    let figures = columns![
        state: Text, cpu_user_ns: U64, cpu_system_ns: U64, mem_byte_s: U64, mem_peak_bytes: U64, io_read_bytes: U64,
        io_write_bytes: U64, gpu_ns: OptionalU64, gpu_mem_byte_s: OptionalU64, processes_peak: U32, slots: U32,
        log_bytes: U64,
    ];
    let kinds = [
        ("kind", Column::Word(|record| kind(record.kind).to_owned(), set_kind)),
        ("quality", Column::Word(|record| quality(record.quality).to_owned(), set_quality)),
    ];
    identity.into_iter().chain(words).chain(figures).chain(kinds).collect()
}

const KINDS: [UsageKind; 7] = [
    UsageKind::Task,
    UsageKind::Callback,
    UsageKind::Overhead,
    UsageKind::Idle,
    UsageKind::Orphan,
    UsageKind::Unattributed,
    UsageKind::Worker,
];

fn kind(kind: UsageKind) -> &'static str {
    match kind {
        UsageKind::Task => "task",
        UsageKind::Callback => "callback",
        UsageKind::Overhead => "overhead",
        UsageKind::Idle => "idle",
        UsageKind::Orphan => "orphan",
        UsageKind::Unattributed => "unattributed",
        UsageKind::Worker => "worker",
    }
}

fn set_kind(record: &mut UsageRecord, text: &str) -> bool {
    let known = KINDS.into_iter().find(|known| kind(*known) == text);
    record.kind = known.unwrap_or(record.kind);
    known.is_some()
}

fn quality(quality: UsageQuality) -> &'static str {
    match quality {
        UsageQuality::Exact => "exact",
        UsageQuality::Sampled => "sampled",
    }
}

fn set_quality(record: &mut UsageRecord, text: &str) -> bool {
    record.quality = if text == "exact" { UsageQuality::Exact } else { UsageQuality::Sampled };
    text == quality(record.quality)
}

/// A row to be filled.
pub(crate) fn blank() -> UsageRecord {
    UsageRecord {
        schema: 0,
        writer: String::new(),
        seq: 0,
        window_start: 0,
        window_end: 0,
        cluster: String::new(),
        node: String::new(),
        pod: String::new(),
        worker: String::new(),
        pool: String::new(),
        queue: String::new(),
        airflow: String::new(),
        dag_id: String::new(),
        task_id: String::new(),
        run_id: String::new(),
        map_index: -1,
        try_number: 0,
        ti_id: String::new(),
        operator: None,
        env_id: None,
        state: String::new(),
        cpu_user_ns: 0,
        cpu_system_ns: 0,
        mem_byte_s: 0,
        mem_peak_bytes: 0,
        io_read_bytes: 0,
        io_write_bytes: 0,
        gpu_ns: None,
        gpu_mem_byte_s: None,
        processes_peak: 0,
        slots: 0,
        log_bytes: 0,
        kind: UsageKind::Unattributed,
        quality: UsageQuality::Sampled,
    }
}
