//! Attempts: those alive now, those of a DAG or run.

use std::collections::HashMap;

use costs_engine::window::HOUR_MS;
use costs_engine::zombies::Suspect;
use costs_engine::{Quantities, Window};
use rusqlite::{Connection, Row};

use super::state::last_windows;
use crate::database::DatabaseError;
use crate::database::kinds::kind;

/// At most so many attempts are listed.
const LISTED: u32 = 500;
/// At most so many attempts can be alive; more slots than the largest fleets have.
const ALIVE: u32 = 100_000;

const COLUMNS: &str = "a.kind, d.text, t.text, r.text, a.map_index, a.try_number, w.text, p.text, s.text, a.first_ms, \
    a.last_ms, a.active_ms, a.window_ms, a.window_cpu_ns, a.window_mem_byte_s, a.id";
const JOINS: &str = "JOIN name d ON d.id = a.dag JOIN name t ON t.id = a.task JOIN name r ON r.id = a.run \
    JOIN name w ON w.id = a.worker JOIN name p ON p.id = a.pool JOIN name s ON s.id = a.state";

/// An attempt and what it used, hour by hour.
#[derive(Debug, Clone)]
pub struct AttemptRow {
    /// As its rows show it.
    pub suspect: Suspect,
    /// Begin of the hour (Unix milliseconds) → what it used.
    pub hours: Vec<(u64, Quantities)>,
}

/// Running attempts and living orphans that were heard of since `since_ms`.
pub fn alive(connection: &Connection, since_ms: u64) -> Result<Vec<Suspect>, DatabaseError> {
    let failed = DatabaseError::at("reading what is alive");
    let statement = format!(
        "SELECT {COLUMNS} FROM attempt a {JOINS} WHERE a.running = 1 AND a.last_ms >= ?1 LIMIT {ALIVE}"
    );
    let rows = read(connection, &statement, [since_ms.cast_signed()]).map_err(&failed)?;
    let windows = last_windows(connection)?;
    let windows: HashMap<_, _> = windows.into_iter().map(|window| (window.worker, window.last)).collect();
    let suspects = rows
        .into_iter()
        .map(|row| Suspect { last_window: windows.get(&row.suspect.worker).cloned(), ..row.suspect });
    Ok(suspects.collect())
}

/// The attempts of a DAG (and, when given, of one of its runs) in a window, the last ones first.
pub fn attempts(
    connection: &Connection,
    window: Window,
    dag: &str,
    run: Option<&str>,
) -> Result<Vec<AttemptRow>, DatabaseError> {
    let failed = DatabaseError::at("reading attempts");
    let only = if run.is_some() { "AND a.run = (SELECT id FROM name WHERE text = ?4)" } else { "" };
    let statement = format!(
        "SELECT {COLUMNS} FROM attempt a {JOINS} WHERE a.dag = (SELECT id FROM name WHERE text = ?3) {only} \
         AND a.last_ms > ?1 AND a.first_ms < ?2 ORDER BY a.last_ms DESC LIMIT {LISTED}"
    );
    let (from, to) = (window.from_ms.cast_signed(), window.to_ms.cast_signed());
    match run {
        Some(run) => read(connection, &statement, (from, to, dag, run)),
        None => read(connection, &statement, (from, to, dag)),
    }
    .map_err(&failed)
}

fn read(
    connection: &Connection,
    statement: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Vec<AttemptRow>> {
    let mut read = connection.prepare_cached(statement)?;
    let rows: Vec<_> = read.query_map(parameters, suspect)?.collect::<Result<_, _>>()?;
    let mut hours = connection.prepare_cached(
        "SELECT hour, cpu_ns, mem_byte_s, slot_ms, io_bytes, log_bytes, ended, wasted FROM attempt_hour WHERE attempt = ?1",
    )?;
    let mut attempts = Vec::with_capacity(rows.len());
    for (id, mut suspect) in rows {
        let hour = |row: &Row<'_>| {
            let mut fields = [0; 7];
            for (at, field) in fields.iter_mut().enumerate() {
                *field = row.get::<_, i64>(at + 1).map(i128::from)?;
            }
            Ok((row.get::<_, i64>(0)?.cast_unsigned() * HOUR_MS, Quantities::from_fields(fields)))
        };
        let hours: Vec<_> = hours.query_map([id], hour)?.collect::<Result<_, _>>()?;
        suspect.total = hours.iter().fold(Quantities::default(), |sum, (_, quantities)| sum + *quantities);
        attempts.push(AttemptRow { suspect, hours });
    }
    Ok(attempts)
}

fn suspect(row: &Row<'_>) -> rusqlite::Result<(i64, Suspect)> {
    let time = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
    let window = Quantities {
        cpu_ns: i128::from(row.get::<_, i64>(13)?),
        mem_byte_s: i128::from(row.get::<_, i64>(14)?),
        ..Quantities::default()
    };
    let suspect = Suspect {
        kind: kind(row.get(0)?),
        ids: [row.get(1)?, row.get(2)?, row.get(3)?],
        map_index: row.get(4)?,
        try_number: row.get(5)?,
        worker: row.get(6)?,
        pool: row.get(7)?,
        state: row.get(8)?,
        first_ms: time(9)?,
        last_ms: time(10)?,
        active_ms: time(11)?,
        window_ms: time(12)?,
        window,
        total: Quantities::default(),
        last_window: None,
    };
    Ok((row.get(15)?, suspect))
}
