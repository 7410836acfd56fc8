//! Opening the file, and dropping one of another version.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{DatabaseError, SCHEMA};

/// A reader waits so long for a checkpoint of the writer.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page cache, in KiB (negative by SQLite's rule): a day of a million rows fits.
const CACHE_KIB: i64 = -65_536;

/// The writer's connection; a database of another version, or any with `rebuild`, is removed first.
pub(super) fn writable(path: &Path, rebuild: bool) -> Result<Connection, DatabaseError> {
    if rebuild || version(path).is_some_and(|version| version != SCHEMA.to_string()) {
        remove(path)?;
    }
    let open = |source| DatabaseError::Open { path: path.to_owned(), source };
    let connection = Connection::open(path).map_err(open)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(open)?;
    connection.pragma_update(None, "journal_mode", "wal").map_err(open)?;
    // A crash loses the last commits at most, and the store has them.
    connection.pragma_update(None, "synchronous", "normal").map_err(open)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(open)?;
    connection.set_prepared_statement_cache_capacity(64);
    if version(path).is_none() {
        connection.execute_batch(include_str!("schema.sql")).map_err(open)?;
        let insert = "INSERT INTO setting (key, value) VALUES ('schema', ?1)";
        connection.execute(insert, [SCHEMA.to_string()]).map_err(open)?;
    }
    Ok(connection)
}

/// A reader's connection.
pub(super) fn readable(path: &Path) -> Result<Connection, DatabaseError> {
    let open = |source| DatabaseError::Open { path: path.to_owned(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(open)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(open)?;
    connection.pragma_update(None, "cache_size", CACHE_KIB).map_err(open)?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The version of an existing database; `None` of no or an empty one.
fn version(path: &Path) -> Option<String> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0)).ok()?;
    if tables == 0 {
        return None;
    }
    let read = "SELECT value FROM setting WHERE key = 'schema'";
    let version = connection.query_row(read, [], |row| row.get::<_, String>(0)).optional();
    Some(version.ok().flatten().unwrap_or_default())
}

fn remove(path: &Path) -> Result<(), DatabaseError> {
    for ending in ["", "-wal", "-shm"] {
        let path = PathBuf::from(format!("{}{ending}", path.display()));
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(DatabaseError::Remove { path, source }),
        }
    }
    Ok(())
}
