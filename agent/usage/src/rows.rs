//! Open rows: what was used in the current window.

use domain::UsageRecord;
use domain::usage::{SCHEMA, UsageKind, UsageQuality};
use serde::{Deserialize, Serialize};

use crate::identity::Identity;
use crate::table::Counters;

/// Who writes rows: the same for all rows of an agent's life.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Writer {
    /// Unique for each life of an agent: the node name with plain characters, and its start.
    pub writer: String,
    /// Name of the installation.
    pub cluster: String,
    /// The machine.
    pub node: String,
    /// The pod; on a machine without pods the machine again.
    pub pod: String,
    /// Celery node name.
    pub worker: String,
    /// Worker pool.
    pub pool: String,
    /// Airflow's version.
    pub airflow: String,
}

/// What the worker may use, paid for whether used or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allotment {
    /// Thousandths of a CPU.
    pub cpu_milli: u64,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Tasks at once.
    pub slots: u32,
}

/// What was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Used {
    pub(crate) counters: Counters,
    pub(crate) memory_byte_ms: u128,
    pub(crate) memory_peak_bytes: u64,
    pub(crate) processes_peak: u32,
    pub(crate) log_bytes: u64,
}

impl Used {
    pub(crate) fn memory_byte_s(&self) -> u64 {
        u64::try_from(self.memory_byte_ms / 1_000).unwrap_or(u64::MAX)
    }

    /// A group of processes was seen with this much memory, for this long.
    pub(crate) fn hold(&mut self, held: Held) {
        self.memory_byte_ms = self.memory_byte_ms.saturating_add(held.memory_byte_ms);
        self.memory_peak_bytes = self.memory_peak_bytes.max(held.memory_bytes);
        self.processes_peak = self.processes_peak.max(held.processes);
    }
}

/// Memory and processes of one owner at one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Held {
    pub(crate) memory_bytes: u64,
    pub(crate) memory_byte_ms: u128,
    pub(crate) processes: u32,
}

/// A row whose window is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) seq: u64,
    /// Unix milliseconds.
    pub(crate) start: u64,
    /// Unix milliseconds; absent while what it counts goes on.
    pub(crate) end: Option<u64>,
    pub(crate) used: Used,
}

impl Row {
    pub(crate) fn new(seq: u64, start: u64) -> Self {
        Self { seq, start, end: None, used: Used::default() }
    }

    /// The record, of a window that ends at `until` unless the row ended before.
    pub(crate) fn record(&self, writer: &Writer, kind: UsageKind, until: u64) -> UsageRecord {
        UsageRecord {
            schema: SCHEMA,
            writer: writer.writer.clone(),
            seq: self.seq,
            window_start: self.start,
            window_end: self.end.unwrap_or(until).max(self.start),
            cluster: writer.cluster.clone(),
            node: writer.node.clone(),
            pod: writer.pod.clone(),
            worker: writer.worker.clone(),
            pool: writer.pool.clone(),
            queue: String::new(),
            airflow: writer.airflow.clone(),
            dag_id: String::new(),
            task_id: String::new(),
            run_id: String::new(),
            map_index: -1,
            try_number: 0,
            ti_id: String::new(),
            operator: None,
            env_id: None,
            state: String::new(),
            cpu_user_ns: self.used.counters.user_ns,
            cpu_system_ns: self.used.counters.system_ns,
            mem_byte_s: self.used.memory_byte_s(),
            mem_peak_bytes: self.used.memory_peak_bytes,
            io_read_bytes: self.used.counters.read_bytes,
            io_write_bytes: self.used.counters.write_bytes,
            gpu_ns: None,
            gpu_mem_byte_s: None,
            processes_peak: self.used.processes_peak,
            slots: 0,
            log_bytes: self.used.log_bytes,
            kind,
            quality: UsageQuality::Sampled,
        }
    }
}

/// Writes an attempt's name into its record.
pub(crate) fn name(record: &mut UsageRecord, identity: &Identity) {
    record.queue.clone_from(&identity.queue);
    record.dag_id.clone_from(&identity.dag_id);
    record.task_id.clone_from(&identity.task_id);
    record.run_id.clone_from(&identity.run_id);
    record.map_index = identity.map_index;
    record.try_number = identity.try_number;
    let id = if identity.callback { &identity.id } else { &identity.ti_id };
    record.ti_id.clone_from(id);
    record.env_id = identity.env_id;
}
