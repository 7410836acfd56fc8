use std::collections::BTreeMap;
use std::mem;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::stream::{self, StreamExt};
use objectstore::Store;
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::attempt::Attempt;
use crate::disk::{Disk, blocking};
use crate::error::WatchError;
use crate::local;
use crate::pass::World;
use crate::position::Position;
use crate::state::{Saved, StateFolder};

/// Attempts that are watched at once; a worker has far fewer slots.
pub const ATTEMPTS_LIMIT: usize = 4_096;

/// Passes at once: each holds one part (5 MiB) twice at most.
const PARALLEL_PASSES: usize = 4;

/// How long an attempt is watched whose worker was killed, or that is known from before a restart only.
const ORPHAN_GRACE: Duration = Duration::from_mins(1);

/// From the end of a killed worker to that of its tasks' processes: Airflow's end within five seconds. An unfinished
/// last line is sent after it.
const LOST_GRACE: Duration = Duration::from_secs(10);

/// Pause between two rounds of removing old positions.
const CLEAN_PAUSE: Duration = Duration::from_hours(1);

/// The same where local logs are removed too: then few positions are there to be read.
const DELETE_PAUSE: Duration = Duration::from_mins(1);

/// How a [`Shipper`] works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Airflow's `base_log_folder`.
    pub log_folder: PathBuf,
    /// Folder of the positions; one agent's own, on a disk that survives the agent.
    pub state_folder: PathBuf,
    /// This machine's (pod's) name, part of the names of parts.
    pub host: String,
    /// A running task's new lines are sent this often.
    pub flush: Duration,
    /// Time for the last sends when the agent ends.
    pub shutdown_deadline: Duration,
    /// A finished attempt's local log is removed once the store has confirmed all of it and it was quiet for a while.
    pub delete_local: bool,
}

impl Settings {
    /// The usual pace: one second, and twenty for the end.
    pub fn new(log_folder: PathBuf, state_folder: PathBuf, host: String) -> Self {
        let (flush, shutdown_deadline) = (Duration::from_secs(1), Duration::from_secs(20));
        Self { log_folder, state_folder, host, flush, shutdown_deadline, delete_local: false }
    }
}

/// What somebody wants for a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Watch,
    Finish,
    Lost,
}

/// Ships the logs of a worker's attempts. [`Shipper::run`] does the work; the other methods only say what
/// is wanted and never wait.
#[derive(Debug)]
pub struct Shipper {
    settings: Settings,
    store: Store,
    state: StateFolder,
    /// The last wish per log, until the next round takes it.
    wishes: Mutex<BTreeMap<String, Wish>>,
    news: Notify,
}

impl Shipper {
    /// `store` is opened on Airflow's `remote_base_log_folder`.
    pub fn new(settings: Settings, store: Store) -> Self {
        let state = StateFolder::new(settings.state_folder.clone());
        Self { settings, store, state, wishes: Mutex::default(), news: Notify::new() }
    }

    /// A task writes (or is about to write) this log, a path relative to the log folder.
    pub fn watch(&self, log_path: String) -> Result<(), WatchError> {
        self.wish(log_path, Wish::Watch)
    }

    /// The task has ended: everything is sent at once, the unfinished last line too.
    pub fn finish(&self, log_path: String) -> Result<(), WatchError> {
        self.wish(log_path, Wish::Finish)
    }

    /// Its worker was killed: what the task still writes before it is gone too is sent as well.
    pub fn lost(&self, log_path: String) -> Result<(), WatchError> {
        self.wish(log_path, Wish::Lost)
    }

    fn wish(&self, log_path: String, wish: Wish) -> Result<(), WatchError> {
        let inside = Path::new(&log_path).components().all(|part| matches!(part, Component::Normal(_)));
        if !inside || log_path.is_empty() {
            return Err(WatchError::Outside { log_path });
        }
        let mut wishes = self.wishes();
        if wishes.len() >= ATTEMPTS_LIMIT && !wishes.contains_key(&log_path) {
            return Err(WatchError::TooMany { log_path, limit: ATTEMPTS_LIMIT });
        }
        wishes.insert(log_path, wish);
        drop(wishes);
        self.news.notify_one();
        Ok(())
    }

    /// Ships until `cancel`, then sends what is left, at most for the shutdown deadline. Answers the logs
    /// that are not wholly in the store; the next agent on the same state folder goes on with them.
    pub async fn run(&self, cancel: CancellationToken) -> Vec<String> {
        let mut attempts = self.restore().await;
        let mut ticks = tokio::time::interval(self.settings.flush);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut clean_at = Instant::now();
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = ticks.tick() => {}
                () = self.news.notified() => {}
            }
            self.admit(&mut attempts).await;
            // Cutting a pass off is as safe as a kill.
            tokio::select! {
                () = cancel.cancelled() => break,
                () = self.round(&mut attempts) => {}
            }
            attempts.retain(|_, attempt| !attempt.is_done());
            if Instant::now() >= clean_at {
                let pause = if self.settings.delete_local { DELETE_PAUSE } else { CLEAN_PAUSE };
                clean_at = Instant::now() + pause;
                self.clean().await;
            }
        }
        self.admit(&mut attempts).await;
        let last =
            stream::iter(attempts.values_mut()).for_each_concurrent(PARALLEL_PASSES, Attempt::flush_all);
        if tokio::time::timeout(self.settings.shutdown_deadline, last).await.is_err() {
            tracing::warn!("the log store did not take everything before the deadline");
        }
        attempts.retain(|_, attempt| !attempt.is_done());
        attempts.into_keys().collect()
    }

    /// One turn of every attempt whose turn it is.
    async fn round(&self, attempts: &mut BTreeMap<String, Attempt>) {
        let now = Instant::now();
        let due = attempts.values_mut().filter(|attempt| attempt.is_due(now));
        stream::iter(due)
            .for_each_concurrent(PARALLEL_PASSES, |attempt| attempt.turn(self.settings.flush))
            .await;
    }

    /// Takes the wishes that came in since the last round.
    async fn admit(&self, attempts: &mut BTreeMap<String, Attempt>) {
        let wishes = mem::take(&mut *self.wishes());
        for (log_path, wish) in wishes {
            if !attempts.contains_key(&log_path) {
                if attempts.len() >= ATTEMPTS_LIMIT {
                    tracing::error!(
                        log_path,
                        limit = ATTEMPTS_LIMIT,
                        "too many logs at once: this one is not shipped"
                    );
                    continue;
                }
                let attempt = self.begin(log_path.clone()).await;
                attempts.insert(log_path.clone(), attempt);
            }
            if let Some(attempt) = attempts.get_mut(&log_path) {
                match wish {
                    Wish::Watch => attempt.running(),
                    Wish::Finish => attempt.ended(Instant::now()),
                    Wish::Lost => attempt.ended(Instant::now() + LOST_GRACE),
                }
            }
        }
    }

    /// A new attempt, or one that goes on.
    async fn begin(&self, log_path: String) -> Attempt {
        let (state, wanted) = (self.state.clone(), log_path.clone());
        let saved = blocking(move || state.load(&wanted)).await.unwrap_or_else(|error| {
            tracing::warn!(log_path, %error, "the saved position cannot be read: the log is shipped anew");
            None
        });
        let position = match saved {
            Some(mut position) => {
                if position.finished {
                    position.resume(now_ms());
                }
                position
            }
            None => Position::new(log_path, self.settings.host.clone(), now_ms()),
        };
        let mut disk = self.disk(&position.log_path);
        // So that a crash before the first part does not forget the log.
        if let Err(error) = disk.save(&position).await {
            tracing::warn!(log_path = position.log_path, %error, "a crash now would ship this log anew");
        }
        Attempt::new(position, disk, None)
    }

    /// Attempts that an earlier agent left unfinished.
    async fn restore(&self) -> BTreeMap<String, Attempt> {
        let over_from = Instant::now() + ORPHAN_GRACE;
        let Saved { unfinished, .. } = self.saved().await;
        let saved = unfinished.into_iter().take(ATTEMPTS_LIMIT).map(|position| {
            let (log_path, disk) = (position.log_path.clone(), self.disk(&position.log_path));
            (log_path, Attempt::new(position, disk, Some(over_from)))
        });
        saved.collect()
    }

    /// Removes what is not needed any more: positions of logs that are gone and, where that is wanted, local logs of
    /// finished attempts. Failures cost disk, nothing else. Says whether nothing of a finished attempt is left.
    pub async fn clean(&self) -> bool {
        let finished = self.saved().await.finished;
        if !self.settings.delete_local {
            return true;
        }
        let (state, log_folder) = (self.state.clone(), self.settings.log_folder.clone());
        let cleaned = blocking(move || {
            let (now, mut all) = (SystemTime::now(), true);
            for position in finished {
                let gone = local::remove(&position, &log_folder, now)?;
                if gone {
                    state.remove(&position.log_path)?;
                }
                all &= gone;
            }
            local::remove_empty_folders(&log_folder, now);
            Ok(all)
        });
        cleaned.await.unwrap_or_else(|error| {
            tracing::warn!(%error, "shipped logs stay on disk");
            false
        })
    }

    async fn saved(&self) -> Saved {
        let (state, log_folder) = (self.state.clone(), self.settings.log_folder.clone());
        blocking(move || state.saved(&log_folder)).await.unwrap_or_else(|error| {
            tracing::warn!(%error, "saved log positions cannot be read");
            Saved::default()
        })
    }

    fn disk(&self, log_path: &str) -> Disk {
        Disk::new(self.settings.log_folder.join(log_path), self.store.clone(), self.state.clone())
    }

    fn wishes(&self) -> MutexGuard<'_, BTreeMap<String, Wish>> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
