//! What the writer remembers of rows: numbers taken from files, and rows that came live.

use std::collections::{BTreeMap, HashMap};

use costs_engine::Seqs;
use domain::UsageRecord;
use rusqlite::{Connection, Transaction, params};

use super::DatabaseError;

/// Writer and number of a row.
pub(super) type RowId = (String, u64);

/// In memory; the tables `seq_run` and `live` hold the same.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Numbers taken from files.
    pub(super) stored: BTreeMap<String, Seqs>,
    /// Rows that no file has brought yet.
    pub(super) live: HashMap<RowId, UsageRecord>,
}

impl Seen {
    pub(super) fn load(connection: &Connection) -> Result<Self, DatabaseError> {
        let failed = DatabaseError::at("reading what is known");
        let mut runs: BTreeMap<String, Vec<(u64, u64)>> = BTreeMap::new();
        let mut read = connection.prepare("SELECT writer, first, last FROM seq_run").map_err(&failed)?;
        let rows = read.query_map([], |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        for row in rows.map_err(&failed)? {
            let (writer, first, last) = row.map_err(&failed)?;
            runs.entry(writer).or_default().push((first.cast_unsigned(), last.cast_unsigned()));
        }
        let stored = runs.into_iter().map(|(writer, runs)| (writer, Seqs::from_runs(runs))).collect();
        let mut live = HashMap::new();
        let mut read = connection.prepare("SELECT record FROM live").map_err(&failed)?;
        for row in read.query_map([], |row| row.get::<_, String>(0)).map_err(&failed)? {
            // A record of an older version is sent again, or comes with its file.
            if let Ok(record) = serde_json::from_str::<UsageRecord>(&row.map_err(&failed)?) {
                live.insert((record.writer.clone(), record.seq), record);
            }
        }
        Ok(Self { stored, live })
    }

    pub(super) fn is_stored(&self, writer: &str, seq: u64) -> bool {
        self.stored.get(writer).is_some_and(|seqs| seqs.contains(seq))
    }
}

/// Writes a writer's runs of numbers anew; they are few.
pub(super) fn store_runs(transaction: &Transaction<'_>, writer: &str, seqs: &Seqs) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM seq_run WHERE writer = ?1")?.execute([writer])?;
    let mut insert =
        transaction.prepare_cached("INSERT INTO seq_run (writer, first, last) VALUES (?1, ?2, ?3)")?;
    for (first, last) in seqs.runs() {
        insert.execute(params![writer, first.cast_signed(), last.cast_signed()])?;
    }
    Ok(())
}
