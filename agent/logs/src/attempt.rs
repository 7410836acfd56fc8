//! One attempt that is being shipped: when its turn is, and what a failure means.

use std::error::Error as _;
use std::time::Duration;

use tokio::time::Instant;

use crate::cut::Limits;
use crate::disk::Disk;
use crate::error::ShipError;
use crate::pass::{Progress, World, pass};
use crate::position::Position;

/// Longest pause between two tries while the store is out of reach: people read logs, and tries are few at a time.
const BACKOFF_LIMIT: Duration = Duration::from_secs(10);

/// How long a log is watched after its task ended: the last lines may come after the news of the end.
const LINGER: Duration = Duration::from_secs(3);

/// An attempt's position, files and schedule.
#[derive(Debug)]
pub(crate) struct Attempt {
    position: Position,
    disk: Disk,
    /// From when on nothing more is expected; `None` while the task runs.
    over_from: Option<Instant>,
    /// When the next pass is due.
    due: Instant,
    failures: u32,
    /// Everything is sent and saved; nothing more to do.
    done: bool,
}

impl Attempt {
    pub(crate) fn new(position: Position, disk: Disk, over_from: Option<Instant>) -> Self {
        Self { position, disk, over_from, due: Instant::now(), failures: 0, done: false }
    }

    /// The task runs (again).
    pub(crate) fn running(&mut self) {
        self.over_from = None;
    }

    /// The task has ended, or is taken for ended at `over_from`.
    pub(crate) fn ended(&mut self, over_from: Instant) {
        self.over_from = Some(over_from);
        self.due = Instant::now();
    }

    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.due && !self.done
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done
    }

    pub(crate) fn log_path(&self) -> &str {
        &self.position.log_path
    }

    /// One pass, and what follows from it.
    pub(crate) async fn turn(&mut self, flush: Duration) {
        let now = Instant::now();
        let over = self.over_from.is_some_and(|from| now >= from);
        let lingered = self.over_from.is_some_and(|from| now >= from + LINGER);
        match self.work(over, lingered).await {
            Ok(progress) => {
                if self.failures > 0 {
                    tracing::info!(
                        log_path = self.log_path(),
                        failures = self.failures,
                        "log is shipped again"
                    );
                }
                self.failures = 0;
                self.due = if progress == Progress::More { now } else { now + flush };
            }
            Err(error) => {
                self.failed(&error, flush);
            }
        }
    }

    /// Sends all there is, whatever the schedule says (shutdown).
    pub(crate) async fn flush_all(&mut self) {
        while !self.done {
            if let Err(error) = self.work(true, true).await {
                let pause = self.failed(&error, Duration::from_millis(100));
                tokio::time::sleep(pause).await;
            }
        }
    }

    async fn work(&mut self, over: bool, last: bool) -> Result<Progress, ShipError> {
        let progress = pass(&mut self.position, &mut self.disk, over, Limits::DEFAULT).await?;
        if last && progress == Progress::Current {
            self.position.finished = true;
            self.disk.save(&self.position).await?;
            self.done = true;
        }
        Ok(progress)
    }

    /// Notes a failure, says so rarely, and answers the pause.
    fn failed(&mut self, error: &ShipError, flush: Duration) -> Duration {
        let pause = (flush * 2_u32.saturating_pow(self.failures.min(16))).min(BACKOFF_LIMIT);
        self.failures = self.failures.saturating_add(1);
        self.due = Instant::now() + pause;
        // The first, the second, the fourth, …
        if self.failures.is_power_of_two() {
            let (reason, hint) = (reason(error), error.hint().unwrap_or("none"));
            tracing::warn!(
                log_path = self.log_path(),
                failures = self.failures,
                reason,
                hint,
                "log waits on disk"
            );
        }
        pause
    }
}

/// The error and its causes in one line.
fn reason(error: &ShipError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}
