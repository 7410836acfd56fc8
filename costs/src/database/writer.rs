//! The one writer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use costs_engine::{Rollup, Seqs};
use domain::UsageRecord;
use rusqlite::{Connection, params};

use super::live::{RowId, Seen, store_runs};
use super::merge::{Ids, merge};
use super::{DatabaseError, open};
use crate::usage::{File, latest};

/// A row that is kept, by writer and number.
pub type Acknowledged = (String, u64);

/// The writer: takes files and live rows, each row once.
#[derive(Debug)]
pub struct Writer {
    connection: Connection,
    ids: Ids,
    seen: Seen,
}

impl Writer {
    /// Opens (and where needed creates) the database; `rebuild` drops what is in it.
    pub fn open(path: &Path, rebuild: bool) -> Result<Self, DatabaseError> {
        let connection = open::writable(path, rebuild)?;
        let seen = Seen::load(&connection)?;
        Ok(Self { connection, ids: Ids::default(), seen })
    }

    /// The keys of files that were taken or refused.
    pub fn files(&self) -> Result<BTreeSet<String>, DatabaseError> {
        let failed = DatabaseError::at("listing files");
        let mut read = self.connection.prepare("SELECT key FROM file").map_err(&failed)?;
        let keys = read.query_map([], |row| row.get(0)).map_err(&failed)?;
        keys.collect::<Result<_, _>>().map_err(&failed)
    }

    /// Takes the rows of files: what came live before is replaced, what was stored before is left out.
    /// Answers the rows that came more than once.
    pub fn take(&mut self, files: Vec<(File, Vec<UsageRecord>)>) -> Result<u64, DatabaseError> {
        let mut rows = Vec::new();
        let mut notes = Vec::new();
        for (file, part) in files {
            notes.push((file, part.len()));
            rows.extend(part);
        }
        let mut repeated = latest(&mut rows);
        let mut rollup = Rollup::default();
        let mut taken: Vec<RowId> = Vec::new();
        let mut runs: BTreeMap<String, Seqs> = BTreeMap::new();
        for row in &rows {
            if self.seen.is_stored(&row.writer, row.seq) {
                repeated += 1;
                continue;
            }
            let id = (row.writer.clone(), row.seq);
            rollup.replace(self.seen.live.get(&id), row)?;
            let stored = &self.seen.stored;
            let of_writer = runs
                .entry(row.writer.clone())
                .or_insert_with(|| stored.get(&row.writer).cloned().unwrap_or_default());
            of_writer.insert(row.seq);
            if self.seen.live.contains_key(&id) {
                taken.push(id);
            }
        }
        self.commit(&rollup, "taking files", |transaction| {
            for (writer, seqs) in &runs {
                store_runs(transaction, writer, seqs)?;
            }
            let mut forget = transaction.prepare_cached("DELETE FROM live WHERE writer = ?1 AND seq = ?2")?;
            for (writer, seq) in &taken {
                forget.execute(params![writer, seq.cast_signed()])?;
            }
            let insert = "INSERT OR REPLACE INTO file (key, hour, rows) VALUES (?1, ?2, ?3)";
            let mut note = transaction.prepare_cached(insert)?;
            for (file, count) in &notes {
                note.execute(params![file.key, file.hour, i64::try_from(*count).unwrap_or(i64::MAX)])?;
            }
            Ok(())
        })?;
        self.seen.stored.extend(runs);
        for id in &taken {
            self.seen.live.remove(id);
        }
        Ok(repeated)
    }

    /// Notes that a file cannot be taken, and why.
    pub fn refuse(&mut self, file: &File, problem: &str) -> Result<(), DatabaseError> {
        let insert = "INSERT OR REPLACE INTO file (key, hour, rows, problem) VALUES (?1, ?2, 0, ?3)";
        let done = self.connection.execute(insert, params![file.key, file.hour, problem]);
        done.map(drop).map_err(DatabaseError::at("noting a refused file"))
    }

    /// Takes live rows; of two versions of a row the one that ends later is kept. All of them are acknowledged.
    pub fn live(&mut self, mut rows: Vec<UsageRecord>) -> Result<Vec<Acknowledged>, DatabaseError> {
        let acknowledged = rows.iter().map(|row| (row.writer.clone(), row.seq)).collect();
        latest(&mut rows);
        let mut rollup = Rollup::default();
        rows.retain(|row| {
            let earlier = self.seen.live.get(&(row.writer.clone(), row.seq));
            !self.seen.is_stored(&row.writer, row.seq)
                && earlier.is_none_or(|earlier| earlier.window_end <= row.window_end)
        });
        let mut texts = Vec::new();
        for row in &rows {
            rollup.replace(self.seen.live.get(&(row.writer.clone(), row.seq)), row)?;
            texts.push(serde_json::to_string(row).map_err(DatabaseError::Json)?);
        }
        self.commit(&rollup, "taking live rows", |transaction| {
            let insert = "INSERT OR REPLACE INTO live (writer, seq, record) VALUES (?1, ?2, ?3)";
            let mut insert = transaction.prepare_cached(insert)?;
            for (row, text) in rows.iter().zip(&texts) {
                insert.execute(params![row.writer, row.seq.cast_signed(), text])?;
            }
            Ok(())
        })?;
        let rows = rows.into_iter().map(|row| ((row.writer.clone(), row.seq), row));
        self.seen.live.extend(rows);
        Ok(acknowledged)
    }

    fn commit(
        &mut self,
        rollup: &Rollup,
        step: &'static str,
        notes: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<()>,
    ) -> Result<(), DatabaseError> {
        let ids = &mut self.ids;
        let done = self.connection.transaction().and_then(|transaction| {
            merge(rollup, ids, &transaction)?;
            notes(&transaction)?;
            transaction.commit()
        });
        done.map_err(|source| {
            self.ids.forget();
            DatabaseError::Step { step, source }
        })
    }

    /// Removes what is older than `before_hour` (Unix hours).
    pub fn prune(&mut self, before_hour: u32) -> Result<(), DatabaseError> {
        let before = i64::from(before_hour);
        let done = self.connection.transaction().and_then(|transaction| {
            for table in ["hour", "worker_hour", "place_hour", "run_hour", "attempt_hour", "file"] {
                transaction.execute(&format!("DELETE FROM {table} WHERE hour < ?1"), [before])?;
            }
            transaction.execute("DELETE FROM attempt WHERE last_ms < ?1", [before * 3_600_000])?;
            transaction.execute("DELETE FROM last_window WHERE last_ms < ?1", [before * 3_600_000])?;
            transaction.commit()
        });
        done.map_err(DatabaseError::at("removing what is old"))
    }
}
