//! Follows the store: new files become rollups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use costs_engine::window::HOUR_MS;
use costs_engine::{Prices, Window};
use daemon::health::Component;
use daemon::{BoxError, CancellationToken};
use futures::StreamExt as _;
use objectstore::Store;

use super::metering;
use super::state::{Progress, Shared};
use crate::cli::{Serve, Sources};
use crate::clock::unix_ms;
use crate::sources;
use crate::usage::{File, ReadError, fetch, list};

/// Files that are fetched and decoded at once.
const CONCURRENT_FILES: usize = 8;
/// Files of one transaction: a few tens of thousands of rows in memory.
const BATCH_FILES: usize = 128;
/// Days before now that every look lists; older days are listed once, at the start.
const RECENT_DAYS: u64 = 2;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Airflow is asked for the owners of DAGs this often.
const OWNERS_EVERY: Duration = Duration::from_mins(10);
/// Old rows are removed this often.
const PRUNE_EVERY: Duration = Duration::from_hours(1);

/// The task that follows the store.
#[derive(Debug, Clone)]
pub(super) struct Follower {
    shared: Arc<Shared>,
    store: Store,
    component: Component,
    every: Duration,
    keep_days: u64,
    sources: Sources,
}

impl Follower {
    pub(super) fn new(shared: Arc<Shared>, store: Store, component: Component, command: &Serve) -> Self {
        let every = Duration::from_secs(command.poll_interval_s.max(1));
        let sources = command.sources.clone();
        Self { shared, store, component, every, keep_days: command.keep_days, sources }
    }

    pub(super) async fn run(self, stop: CancellationToken) -> Result<(), BoxError> {
        let mut known = self.shared.write(|writer| writer.files()).await?;
        let mut days = self.keep_days;
        let mut pruned: Option<tokio::time::Instant> = None;
        let mut prices_changed = modified(&self.shared);
        let mut asked: Option<tokio::time::Instant> = None;
        loop {
            self.look(days, &mut known, &stop).await.inspect_err(|error| {
                self.component.not_ready(&daemon::chain(error));
            })?;
            self.component.ready();
            days = days.min(RECENT_DAYS);
            if pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) {
                let before = unix_ms().saturating_sub(self.keep_days * DAY_MS) / HOUR_MS;
                let before = u32::try_from(before).unwrap_or(0);
                self.shared.write(move |writer| writer.prune(before)).await?;
                pruned = Some(tokio::time::Instant::now());
            }
            let changed = modified(&self.shared);
            if changed != prices_changed {
                self.reload_prices();
                prices_changed = changed;
            }
            if asked.is_none_or(|at| at.elapsed() >= OWNERS_EVERY) {
                self.learn_owners().await;
                asked = Some(tokio::time::Instant::now());
            }
            if stop.run_until_cancelled(tokio::time::sleep(self.every)).await.is_none() {
                return Ok(());
            }
        }
    }

    /// Takes the files of the last `days` that are not known.
    async fn look(
        &self,
        days: u64,
        known: &mut BTreeSet<String>,
        stop: &CancellationToken,
    ) -> Result<(), LookError> {
        let now_ms = unix_ms();
        let from_ms = now_ms.saturating_sub(days * DAY_MS) / HOUR_MS * HOUR_MS;
        // A clock that is ahead elsewhere writes into our future.
        let window = Window { from_ms, to_ms: now_ms + DAY_MS };
        let mut files = list(&self.store, window).await?;
        files.retain(|file| !known.contains(&file.key));
        // Hour by hour, so that a repeated row is found beside its twin.
        let mut hours: BTreeMap<u32, Vec<File>> = BTreeMap::new();
        let all = files.len();
        for file in files {
            hours.entry(file.hour).or_default().push(file);
        }
        let mut done = 0;
        for batch in hours.into_values().flat_map(batches) {
            if stop.is_cancelled() {
                return Ok(());
            }
            done += batch.len();
            known.extend(batch.iter().map(|file| file.key.clone()));
            self.take(batch).await?;
            self.shared.set_progress(Progress { done, all, ..self.shared.progress() });
        }
        self.shared.set_progress(Progress { done, all, looked_ms: unix_ms() });
        Ok(())
    }

    async fn take(&self, batch: Vec<File>) -> Result<(), LookError> {
        let decoded: Vec<_> = futures::stream::iter(batch)
            .map(|file| async {
                let known = file.clone();
                (known, fetch(&self.store, file).await)
            })
            .buffered(CONCURRENT_FILES)
            .collect()
            .await;
        let mut good = Vec::new();
        for (file, answer) in decoded {
            match answer {
                Ok(part) => good.push(part),
                // The store is away: the batch comes again.
                Err(error) if error.is_retryable() => return Err(error.into()),
                Err(error) => {
                    let problem = daemon::chain(&error);
                    tracing::error!(file = file.key, error = problem, hint = error.hint(), "file refused");
                    metering::refused_file();
                    self.shared.write(move |writer| writer.refuse(&file, &problem)).await?;
                }
            }
        }
        let count = good.iter().map(|(_, rows)| rows.len()).sum();
        self.shared.write(move |writer| writer.take(good)).await?;
        metering::rows("store", count);
        Ok(())
    }

    /// Airflow may be away: the owners of before stay.
    async fn learn_owners(&self) {
        match sources::owners(&self.sources).await {
            Ok(owners) if owners.is_empty() => {}
            Ok(owners) => {
                let mut prices = Prices::clone(&self.shared.prices());
                prices.owners.learn(owners);
                self.shared.set_prices(prices);
            }
            Err(error) => {
                tracing::warn!(error = daemon::chain(&error), hint = error.hint(), "owners are not known");
            }
        }
    }

    fn reload_prices(&self) {
        match sources::read_prices(&self.shared.prices_file) {
            Ok(mut prices) => {
                prices.owners.keep_learned(&self.shared.prices().owners);
                self.shared.set_prices(prices);
                tracing::info!(file = %self.shared.prices_file.display(), "prices read again");
            }
            Err(error) => {
                tracing::error!(error = daemon::chain(&error), "the prices of before stay");
            }
        }
    }
}

fn modified(shared: &Shared) -> Option<SystemTime> {
    std::fs::metadata(&shared.prices_file).and_then(|metadata| metadata.modified()).ok()
}

fn batches(mut files: Vec<File>) -> Vec<Vec<File>> {
    let mut batches = Vec::new();
    while !files.is_empty() {
        let rest = files.split_off(files.len().min(BATCH_FILES));
        batches.push(std::mem::replace(&mut files, rest));
    }
    batches
}

/// Why a look at the store failed; the next one may not.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// The store.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The database.
    #[error(transparent)]
    Database(#[from] crate::database::DatabaseError),
}
