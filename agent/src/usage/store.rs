//! Closed windows to the store, as Parquet.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use agent_usage::{Allotment, Writer};
use daemon::{Backoff, CancellationToken};
use objectstore::{Condition, Store};

use super::journal::{Journal, JournalError};
use super::measured::{Backlog, Clock, Usage};
use super::sampler::restore;

/// A look at the backlog without news: what failed is tried again.
const EVERY: Duration = Duration::from_secs(10);
/// Waits after failures.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));
/// For the last windows when the agent ends; the next agent ships what is left.
const LAST: Duration = Duration::from_secs(20);

/// Why a window is not in the store; it stays on disk.
#[derive(Debug, thiserror::Error)]
enum ShipError {
    #[error("the window cannot be read")]
    Journal(#[from] JournalError),
    #[error("the window cannot be written as Parquet")]
    Encode(#[from] usage_parquet::EncodeError),
    #[error("the window has no place in the store")]
    Key(#[from] usage_parquet::KeyError),
    #[error("the store did not take the window")]
    Store(#[from] objectstore::Error),
}

/// Ships closed windows until `stop`, then what is left.
pub async fn ship(usage: Arc<Usage>, journal: Journal, store: Store, stop: CancellationToken) {
    let mut backoff = Backoff::new(PAUSES.0, PAUSES.1);
    loop {
        let failed = round(&usage, &journal, &store).await;
        let pause = failed.then(|| backoff.next_wait());
        if !failed {
            backoff.reset();
        }
        let wait = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => drop(tokio::time::timeout(EVERY, usage.closed.notified()).await),
            }
        };
        if stop.run_until_cancelled(wait).await.is_none() {
            break;
        }
    }
    let until = Instant::now() + LAST;
    while Instant::now() < until && round(&usage, &journal, &store).await {
        tokio::time::sleep(PAUSES.0).await;
    }
    journal.leave();
}

/// Closes and ships what the agent of a worker that is gone left; answers whether nothing is left.
pub async fn finish_left(journal: &Journal, store: &Store) -> bool {
    // Only the rows of the one that is gone matter: nothing is measured by this meter.
    let nobody = (Writer::default(), Allotment { cpu_milli: 0, memory_bytes: 0, slots: 0 }, u64::MAX);
    drop(restore(journal, nobody, &Clock::start()));
    let shipped = async {
        for path in journal.closed()? {
            ship_one(&path, store).await?;
        }
        Ok::<(), ShipError>(())
    };
    match shipped.await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = daemon::chain(&error), "usage of an ended worker waits on disk");
            false
        }
    }
}

/// Answers whether something is left because of a failure.
async fn round(usage: &Usage, journal: &Journal, store: &Store) -> bool {
    let files = match journal.closed() {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(error = daemon::chain(&error), "usage waits on disk");
            return true;
        }
    };
    for (index, path) in files.iter().enumerate() {
        usage.set_backlog(backlog(&files[index..]));
        if let Err(error) = ship_one(path, store).await {
            tracing::warn!(
                error = daemon::chain(&error),
                windows = files.len() - index,
                "usage waits on disk"
            );
            return true;
        }
    }
    usage.set_backlog(Backlog::default());
    false
}

async fn ship_one(path: &Path, store: &Store) -> Result<(), ShipError> {
    let window = match Journal::read(path) {
        Ok(window) => window,
        // Put aside, and not in the way of the next ones.
        Err(error @ JournalError::Damaged { .. }) => {
            tracing::error!(error = daemon::chain(&error), "usage of a minute is damaged");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(first) = window.rows.first() {
        let key = usage_parquet::key(first.window_start, &first.writer, first.seq)?;
        let bytes = usage_parquet::encode(&window.rows)?;
        // Refused: an earlier attempt of the same rows got there.
        store.put(&key, bytes.into(), Condition::Absent).await?;
        tracing::debug!(key, rows = window.rows.len(), "usage stored");
    }
    Journal::stored(path)?;
    Ok(())
}

fn backlog(files: &[PathBuf]) -> Backlog {
    let begun_ms = |path: &PathBuf| path.file_name()?.to_str()?.split('-').next()?.parse::<u64>().ok();
    let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let oldest_ms = files.first().and_then(begun_ms);
    let age_ms = oldest_ms.map_or(0, |begun| u64::try_from(now_ms).unwrap_or(0).saturating_sub(begun));
    Backlog { windows: files.len() as u64, oldest_s: age_ms / 1_000 }
}
