//! Usage in the store: which files a window needs, and their rows.

mod error;
mod files;

use std::collections::BTreeMap;

use bytes::Bytes;
use costs_engine::{Rollup, Seqs, Window};
use domain::UsageRecord;
use futures::{StreamExt as _, TryStreamExt as _};
use objectstore::Store;

pub use error::ReadError;
pub use files::{File, list};

/// Files that are fetched and decoded at once.
const CONCURRENT_FILES: usize = 8;

/// What reading found, beside the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Files read.
    pub files: u64,
    /// Rows in the window.
    pub rows: u64,
    /// Rows that are missing: gaps in the numbers of a writer.
    pub missing: u64,
    /// Rows that came more than once; the one with the later `window_end` was taken.
    pub repeated: u64,
}

/// Reads and folds the rows of a window; `progress` hears files done and files in all.
pub async fn read(
    store: &Store,
    window: Window,
    mut progress: impl FnMut(usize, usize),
) -> Result<(Rollup, Found), ReadError> {
    let files = list(store, window).await?;
    let all = files.len();
    let (mut rollup, mut found) = (Rollup::default(), Found::default());
    let mut seqs: BTreeMap<String, Seqs> = BTreeMap::new();
    // Hour by hour: what is in memory at once, and where a repeated row is looked for.
    let mut hours: BTreeMap<u32, Vec<File>> = BTreeMap::new();
    for file in files {
        hours.entry(file.hour).or_default().push(file);
    }
    let mut done = 0;
    for files in hours.into_values() {
        let mut rows = Vec::new();
        let mut decoded =
            futures::stream::iter(files).map(|file| fetch(store, file)).buffered(CONCURRENT_FILES);
        while let Some((_, part)) = decoded.try_next().await? {
            rows.extend(part);
            done += 1;
            found.files += 1;
            progress(done, all);
        }
        found.repeated += latest(&mut rows);
        for row in rows {
            if !seqs.entry(row.writer.clone()).or_default().insert(row.seq) {
                found.repeated += 1;
            } else if window.contains(row.window_start) {
                rollup.add(&row).map_err(ReadError::Row)?;
                found.rows += 1;
            }
        }
    }
    found.missing = seqs.values().map(Seqs::missing).sum();
    Ok((rollup, found))
}

/// One file's rows.
pub async fn fetch(store: &Store, file: File) -> Result<(File, Vec<UsageRecord>), ReadError> {
    let object = store.get(&file.key).await.map_err(ReadError::Store)?;
    let Some(object) = object else { return Err(ReadError::Gone { key: file.key }) };
    // Decoding is work for a core; the runtime's threads fetch meanwhile.
    let decoded = tokio::task::spawn_blocking(move || decode(file, object.bytes)).await;
    decoded.map_err(ReadError::Decoder)?
}

fn decode(file: File, bytes: Bytes) -> Result<(File, Vec<UsageRecord>), ReadError> {
    match usage_parquet::decode(bytes) {
        Ok(rows) => Ok((file, rows)),
        Err(source) => Err(ReadError::Damaged { key: file.key, source }),
    }
}

/// Of rows with the same writer and number keeps the one that ends last; answers how many went.
pub fn latest(rows: &mut Vec<UsageRecord>) -> u64 {
    let before = rows.len();
    rows.sort_by(|a, b| {
        (&a.writer, a.seq).cmp(&(&b.writer, b.seq)).then_with(|| b.window_end.cmp(&a.window_end))
    });
    rows.dedup_by(|later, kept| later.writer == kept.writer && later.seq == kept.seq);
    (before - rows.len()) as u64
}
