//! What a long call tells while it works; who shows it, and how, is the caller's business.

use std::fmt;
use std::sync::Arc;

/// One step of locking, building or fetching.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A step begins; `total` is how often it will advance, 0 when nobody knows.
    Started {
        /// `resolve`, `download`, `layers`, `upload`, `verify`.
        step: &'static str,
        /// Expected number of advances.
        total: u64,
    },
    /// Part of a step is done.
    Advanced {
        /// The step.
        step: &'static str,
        /// What was done, for people.
        what: &'a str,
    },
    /// A step is done.
    Finished {
        /// The step.
        step: &'static str,
        /// Milliseconds that it took.
        took_ms: u64,
        /// Its outcome, for people: `181 packages`.
        outcome: &'a str,
    },
}

/// Receives events; called from any thread, must not block.
#[derive(Clone)]
pub struct Progress(Arc<dyn Fn(Event<'_>) + Send + Sync>);

impl Progress {
    /// Sends events to `receiver`.
    pub fn new(receiver: impl Fn(Event<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(receiver))
    }

    /// Says one event.
    pub fn tell(&self, event: Event<'_>) {
        (self.0)(event);
    }
}

impl Default for Progress {
    /// Tells nobody.
    fn default() -> Self {
        Self::new(|_| {})
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}
