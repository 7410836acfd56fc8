//! What the database holds, and what workers last said.

use costs_engine::Names;
use costs_engine::rollup::LastWindow;
use rusqlite::Connection;

use crate::database::DatabaseError;

/// Refused files that are named.
const NAMED_FILES: u32 = 20;

/// What the database holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Files taken.
    pub files: u64,
    /// Rows of these.
    pub rows: u64,
    /// Rows that came live and are in no file yet.
    pub live_rows: u64,
    /// Rows that are missing: gaps in the numbers of a writer.
    pub missing: u64,
    /// Files that were refused, with the reason; at most twenty.
    pub refused: Vec<(String, String)>,
}

/// A worker's last row.
#[derive(Debug, Clone)]
pub struct WorkerWindow {
    /// Its name.
    pub worker: String,
    /// Its pool.
    pub pool: String,
    /// The row; its pool is the text above.
    pub last: LastWindow,
}

/// What the database holds.
pub fn state(connection: &Connection) -> Result<State, DatabaseError> {
    let failed = DatabaseError::at("reading what is known");
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned);
    let refused = format!("SELECT key, problem FROM file WHERE problem IS NOT NULL LIMIT {NAMED_FILES}");
    let mut read = connection.prepare_cached(&refused).map_err(&failed)?;
    let refused = read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(&failed)?;
    Ok(State {
        files: count("SELECT count(*) FROM file WHERE problem IS NULL").map_err(&failed)?,
        rows: count("SELECT coalesce(sum(rows), 0) FROM file").map_err(&failed)?,
        live_rows: count("SELECT count(*) FROM live").map_err(&failed)?,
        missing: count(
            "SELECT coalesce(sum(first - before - 1), 0) FROM \
             (SELECT first, lag(last) OVER (PARTITION BY writer ORDER BY first) AS before FROM seq_run)",
        )
        .map_err(&failed)?,
        refused: refused.collect::<Result<_, _>>().map_err(&failed)?,
    })
}

/// Every worker's last row.
pub fn last_windows(connection: &Connection) -> Result<Vec<WorkerWindow>, DatabaseError> {
    let failed = DatabaseError::at("reading workers");
    let mut read = connection
        .prepare_cached(
            "SELECT w.text, p.text, l.last_ms, l.window_ms, l.cpu_ns, l.mem_byte_s, l.slots \
             FROM last_window l JOIN name w ON w.id = l.worker JOIN name p ON p.id = l.pool",
        )
        .map_err(&failed)?;
    let rows = read.query_map([], |row| {
        let number = |at: usize| row.get::<_, i64>(at).map(i64::cast_unsigned);
        Ok(WorkerWindow {
            worker: row.get(0)?,
            pool: row.get(1)?,
            last: LastWindow {
                pool: Names::NONE,
                last_ms: number(2)?,
                window_ms: number(3)?,
                cpu_ns: number(4)?,
                mem_byte_s: number(5)?,
                slots: row.get(6)?,
            },
        })
    });
    rows.map_err(&failed)?.collect::<Result<_, _>>().map_err(&failed)
}
