//! What all requests share.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use costs_engine::Prices;
use costs_engine::zombies::Limits;

use super::settings::Token;
use crate::cli::Serve;
use crate::database::{Acknowledged, DatabaseError, Reader, Writer};
use domain::UsageRecord;

/// How far reading the store has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// Files of the last look that were taken.
    pub done: usize,
    /// Files of the last look.
    pub all: usize,
    /// Unix milliseconds of the last look that came to its end; 0: none yet.
    pub looked_ms: u64,
}

/// What all requests share.
#[derive(Debug)]
pub struct Shared {
    /// The database, for questions.
    pub reader: Reader,
    /// Who may send usage.
    pub token: Token,
    /// When something is a zombie.
    pub limits: Limits,
    /// The prices file, which is read again when it changes.
    pub prices_file: PathBuf,
    writer: Mutex<Writer>,
    prices: RwLock<Arc<Prices>>,
    progress: Mutex<Progress>,
}

impl Shared {
    /// From settings and what was opened.
    pub fn new(command: &Serve, prices: Prices, writer: Writer, reader: Reader, token: Token) -> Self {
        let limits =
            Limits { stuck_after_ms: command.stuck_after_min.saturating_mul(60_000), ..Limits::default() };
        Self {
            reader,
            token,
            limits,
            prices_file: command.sources.prices.clone(),
            writer: Mutex::new(writer),
            prices: RwLock::new(Arc::new(prices)),
            progress: Mutex::default(),
        }
    }

    /// The prices of now.
    pub fn prices(&self) -> Arc<Prices> {
        Arc::clone(&self.prices.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Other prices; every figure is computed with them from now on.
    pub fn set_prices(&self, prices: Prices) {
        *self.prices.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prices);
    }

    /// How far reading has come.
    pub fn progress(&self) -> Progress {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how far reading has come.
    pub fn set_progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = progress;
    }

    /// Runs `write` on a thread for blocking work; writers wait for each other.
    pub async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        write: impl FnOnce(&mut Writer) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let shared = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || {
            // A panic left no transaction open: the guard of a transaction rolls it back.
            write(&mut shared.writer.lock().unwrap_or_else(PoisonError::into_inner))
        });
        done.await.map_err(DatabaseError::Worker)?
    }

    /// Takes live rows.
    pub async fn take_live(
        self: &Arc<Self>,
        rows: Vec<UsageRecord>,
    ) -> Result<Vec<Acknowledged>, DatabaseError> {
        self.write(move |writer| writer.live(rows)).await
    }
}
