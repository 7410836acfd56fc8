//! A rollup goes into the tables, within the caller's transaction.

use std::collections::HashMap;

use costs_engine::rollup::{Attempt, AttemptKey};
use costs_engine::{Name, Outcome, Quantities, Rollup};
use domain::usage::UsageKind;
use rusqlite::{CachedStatement, OptionalExtension as _, Transaction, params};

use super::kinds;

const ADD: &str = "cpu_ns = cpu_ns + excluded.cpu_ns, mem_byte_s = mem_byte_s + excluded.mem_byte_s, \
     slot_ms = slot_ms + excluded.slot_ms, io_bytes = io_bytes + excluded.io_bytes, \
     log_bytes = log_bytes + excluded.log_bytes, ended = ended + excluded.ended, wasted = wasted + excluded.wasted";

/// Texts → numbers of the database; kept over merges.
#[derive(Debug, Default)]
pub(super) struct Ids(HashMap<String, i64>);

impl Ids {
    fn of(&mut self, text: &str, transaction: &Transaction<'_>) -> rusqlite::Result<i64> {
        if let Some(id) = self.0.get(text) {
            return Ok(*id);
        }
        let mut find = transaction.prepare_cached("SELECT id FROM name WHERE text = ?1")?;
        let id = if let Some(id) = find.query_row([text], |row| row.get(0)).optional()? {
            id
        } else {
            transaction.prepare_cached("INSERT INTO name (text) VALUES (?1)")?.insert([text])?
        };
        self.0.insert(text.to_owned(), id);
        Ok(id)
    }

    /// After a rolled back transaction some numbers may not exist.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

pub(super) fn merge(rollup: &Rollup, ids: &mut Ids, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    let mut known: HashMap<Name, i64> = HashMap::new();
    let mut id = |name: Name| {
        if let Some(id) = known.get(&name) {
            return Ok(*id);
        }
        let id = ids.of(rollup.names.text(name), transaction)?;
        known.insert(name, id);
        Ok::<i64, rusqlite::Error>(id)
    };
    let mut hours = upsert(transaction, "hour", "hour, kind, pool, queue, dag, task, env")?;
    for (key, sum) in &rollup.hours {
        let kind = kinds::number(key.kind);
        let names = [id(key.pool)?, id(key.queue)?, id(key.dag)?, id(key.task)?, id(key.env)?];
        let [pool, queue, dag, task, env] = names;
        add(&mut hours, &[i64::from(key.hour), kind, pool, queue, dag, task, env], sum)?;
    }
    let mut workers = upsert(transaction, "worker_hour", "hour, kind, pool, worker")?;
    for (key, sum) in &rollup.workers {
        let kind = kinds::number(key.kind);
        add(&mut workers, &[i64::from(key.hour), kind, id(key.pool)?, id(key.worker)?], sum)?;
    }
    let mut sums: HashMap<(u32, i64, Name), Quantities> = HashMap::new();
    for (key, sum) in &rollup.workers {
        *sums.entry((key.hour, kinds::number(key.kind), key.pool)).or_default() += *sum;
    }
    let mut places = upsert(transaction, "place_hour", "hour, kind, pool")?;
    for ((hour, kind, pool), sum) in &sums {
        add(&mut places, &[i64::from(*hour), *kind, id(*pool)?], sum)?;
    }
    let mut runs = upsert(transaction, "run_hour", "hour, kind, pool, dag, run")?;
    for (key, sum) in &rollup.runs {
        let kind = kinds::number(key.kind);
        add(&mut runs, &[i64::from(key.hour), kind, id(key.pool)?, id(key.dag)?, id(key.run)?], sum)?;
    }
    let mut attempt_hours = upsert(transaction, "attempt_hour", "attempt, hour")?;
    for (key, attempt) in &rollup.attempts {
        let state = rollup.names.text(attempt.state);
        let attempt_id = upsert_attempt(key, attempt, state, &mut id, transaction)?;
        for (hour, sum) in &attempt.hours {
            add(&mut attempt_hours, &[attempt_id, i64::from(*hour)], sum)?;
        }
    }
    let mut last_windows = transaction.prepare_cached(
        "INSERT INTO last_window (worker, pool, last_ms, window_ms, cpu_ns, mem_byte_s, slots) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO UPDATE SET pool = excluded.pool, last_ms = excluded.last_ms, \
         window_ms = excluded.window_ms, cpu_ns = excluded.cpu_ns, mem_byte_s = excluded.mem_byte_s, slots = excluded.slots \
         WHERE excluded.last_ms >= last_ms",
    )?;
    for (worker, last) in &rollup.last_windows {
        last_windows.execute(params![
            id(*worker)?,
            id(last.pool)?,
            signed(last.last_ms),
            signed(last.window_ms),
            signed(last.cpu_ns),
            signed(last.mem_byte_s),
            last.slots
        ])?;
    }
    Ok(())
}

fn upsert<'t>(
    transaction: &'t Transaction<'_>,
    table: &str,
    key: &str,
) -> rusqlite::Result<CachedStatement<'t>> {
    let places: Vec<String> = (1..=key.split(", ").count() + 7).map(|at| format!("?{at}")).collect();
    let sums = "cpu_ns, mem_byte_s, slot_ms, io_bytes, log_bytes, ended, wasted";
    let places = places.join(", ");
    transaction.prepare_cached(&format!(
        "INSERT INTO {table} ({key}, {sums}) VALUES ({places}) ON CONFLICT DO UPDATE SET {ADD}"
    ))
}

fn add(statement: &mut CachedStatement<'_>, key: &[i64], sum: &Quantities) -> rusqlite::Result<()> {
    // Rows are checked for plausibility; their sums of an hour fit.
    let sums = sum.fields().map(|field| i64::try_from(field).unwrap_or(i64::MAX));
    statement.execute(rusqlite::params_from_iter(key.iter().chain(&sums)))?;
    Ok(())
}

fn upsert_attempt(
    key: &AttemptKey,
    attempt: &Attempt,
    state: &str,
    id: &mut impl FnMut(Name) -> rusqlite::Result<i64>,
    transaction: &Transaction<'_>,
) -> rusqlite::Result<i64> {
    let outcome = if key.kind == UsageKind::Task { Outcome::of(state) } else { Outcome::Useful };
    let running = outcome == Outcome::Running || key.kind == UsageKind::Orphan;
    let mut statement = transaction.prepare_cached(
        "INSERT INTO attempt (kind, dag, task, run, map_index, try_number, worker, pool, queue, env, state, wasted, \
         running, first_ms, last_ms, active_ms, window_ms, window_cpu_ns, window_mem_byte_s) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19) \
         ON CONFLICT DO UPDATE SET first_ms = min(first_ms, excluded.first_ms), active_ms = max(active_ms, excluded.active_ms), \
         worker = iif(excluded.last_ms >= last_ms, excluded.worker, worker), \
         pool = iif(excluded.last_ms >= last_ms, excluded.pool, pool), \
         queue = iif(excluded.last_ms >= last_ms, excluded.queue, queue), \
         env = iif(excluded.last_ms >= last_ms, excluded.env, env), \
         state = iif(excluded.last_ms >= last_ms, excluded.state, state), \
         wasted = iif(excluded.last_ms >= last_ms, excluded.wasted, wasted), \
         running = iif(excluded.last_ms >= last_ms, excluded.running, running), \
         window_ms = iif(excluded.last_ms >= last_ms, excluded.window_ms, window_ms), \
         window_cpu_ns = iif(excluded.last_ms >= last_ms, excluded.window_cpu_ns, window_cpu_ns), \
         window_mem_byte_s = iif(excluded.last_ms >= last_ms, excluded.window_mem_byte_s, window_mem_byte_s), \
         last_ms = max(last_ms, excluded.last_ms) RETURNING id",
    )?;
    let values = params![
        kinds::number(key.kind),
        id(key.dag)?,
        id(key.task)?,
        id(key.run)?,
        key.map_index,
        key.try_number,
        id(attempt.worker)?,
        id(attempt.pool)?,
        id(attempt.queue)?,
        id(attempt.env)?,
        id(attempt.state)?,
        outcome == Outcome::Wasted,
        running,
        signed(attempt.first_ms),
        signed(attempt.last_ms),
        signed(attempt.active_ms),
        signed(attempt.window_ms),
        signed(attempt.window_cpu_ns),
        signed(attempt.window_mem_byte_s)
    ];
    statement.query_row(values, |row| row.get(0))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
