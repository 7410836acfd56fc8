//! What `/livez` and `/readyz` answer: written by the parts of a program, read by its probes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The health of a program. Cheap to clone; all clones share one state.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Component → why it is not ready.
    components: BTreeMap<String, Option<String>>,
    /// Loop → last beat and longest silence.
    beats: BTreeMap<String, (Instant, Duration)>,
}

impl Health {
    /// A program without components: alive and ready.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a part that is not ready yet.
    pub fn component(&self, name: &str) -> Component {
        let component = Component { health: self.clone(), name: name.to_owned() };
        component.not_ready("starting");
        component
    }

    /// Adds a loop that must beat at least every `longest_silence`.
    pub fn heartbeat(&self, name: &str, longest_silence: Duration) -> Heartbeat {
        let heartbeat = Heartbeat { health: self.clone(), name: name.to_owned(), longest_silence };
        heartbeat.beat();
        heartbeat
    }

    /// Component → reason, of those not ready. Empty: ready.
    pub fn not_ready(&self) -> BTreeMap<String, String> {
        self.with(|state| {
            state.components.iter().filter_map(|(name, why)| Some((name.clone(), why.clone()?))).collect()
        })
    }

    /// Loop → reason, of those silent for too long. Empty: alive.
    pub fn not_alive(&self) -> BTreeMap<String, String> {
        self.with(|state| {
            let silent = state.beats.iter().filter(|(_, (last, longest))| last.elapsed() > *longest);
            silent
                .map(|(name, (last, longest))| {
                    (
                        name.clone(),
                        format!("silent for {} s, at most {} s", last.elapsed().as_secs(), longest.as_secs()),
                    )
                })
                .collect()
        })
    }

    fn with<T>(&self, read: impl FnOnce(&mut State) -> T) -> T {
        // A poisoned lock holds a complete map all the same: every write is one insert.
        read(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A part that is ready or says why not.
#[derive(Debug, Clone)]
pub struct Component {
    health: Health,
    name: String,
}

impl Component {
    /// It is ready.
    pub fn ready(&self) {
        self.set(None);
    }

    /// It is not, and why.
    pub fn not_ready(&self, reason: &str) {
        self.set(Some(reason.to_owned()));
    }

    fn set(&self, reason: Option<String>) {
        self.health.with(|state| state.components.insert(self.name.clone(), reason));
    }
}

/// A loop that shows that it still turns.
#[derive(Debug, Clone)]
pub struct Heartbeat {
    health: Health,
    name: String,
    longest_silence: Duration,
}

impl Heartbeat {
    /// The loop turned.
    pub fn beat(&self) {
        self.health
            .with(|state| state.beats.insert(self.name.clone(), (Instant::now(), self.longest_silence)));
    }
}
