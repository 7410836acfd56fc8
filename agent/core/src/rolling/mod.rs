//! A worker in process mode: one Celery worker process for each environment, rolled within the worker's slots.
//!
//! Airflow 2 cannot switch a task to another environment, so a flip to another environment needs another
//! worker process. A *generation* is one such process with its own life cycle ([`crate::State`]); this module
//! decides over generations only, and sees of each what its life cycle tells.
//!
//! A roll: the old generation is told to drain (it can still be taken back) and gives up its idle slots; the
//! new one is started with what is free; once it is ready, the old one is told to stop, shrinks as its tasks
//! end, and the new one grows. A new one that dies or is not ready in time is ended, the old one consumes again
//! and the publication is not tried again.
//!
//! From the flip until the new generation is ready nothing new is taken: Airflow 2 has no versioned runs, and the
//! old code may not know a task of the new one.
//!
//! Invariants (held by property tests):
//! - The slots of all generations together never exceed [`RollPolicy::slots`].
//! - A generation is only ever drained or stopped by its own life cycle, which ends no task before its deadline.
//! - The code of a generation only moves to publications of its own environment.
//! - Only the newest wanted publication counts.
//!
//! ```
//! use agent_core::rolling::{Kept, Place, Roll, RollCommand, RollEvent, RollPolicy};
//!
//! let mut roll = Roll::new(RollPolicy { slots: 16, ..RollPolicy::default() }, 0);
//! roll.apply(RollEvent::Begun { record: None, kept: Kept::default() }, 0);
//! let place = Place { publication: "00000001-0123456789ab".parse().unwrap(), environment: None };
//! let commands = roll.apply(RollEvent::Wanted(place.clone()), 0);
//! assert_eq!(commands, [RollCommand::Start { generation: 1, place, slots: 16 }]);
//! ```

mod event;
mod generation;
mod settle;
mod status;

use domain::PublicationId;

use crate::event::DrainRecord;
pub use event::{Kept, KeptGeneration, Place, RollCommand, RollEvent, RollPolicy, Seen, Standing};
use generation::{Generation, Role};

/// Everything that is known about the generations of one worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roll {
    policy: RollPolicy,
    wanted: Option<Place>,
    /// The publication whose environment did not start here; not tried again.
    refused: Option<(PublicationId, String)>,
    /// The place of the last generation that was ready.
    proved: Option<Place>,
    /// By number: the newest is last.
    generations: Vec<Generation>,
    last_number: u32,
    /// Last drain epoch of the whole worker.
    epoch: u64,
    drain_requested: bool,
    persisted: Option<DrainRecord>,
    stopping: bool,
    finished: bool,
    failed: Option<String>,
    start_at_ms: u64,
    start_failures: u32,
    since_ms: u64,
}

impl Roll {
    /// A worker without a process. The first event is [`RollEvent::Begun`].
    pub fn new(policy: RollPolicy, now_ms: u64) -> Self {
        Self {
            policy,
            wanted: None,
            refused: None,
            proved: None,
            generations: Vec::new(),
            last_number: 0,
            epoch: 0,
            drain_requested: false,
            persisted: None,
            stopping: false,
            finished: false,
            failed: None,
            start_at_ms: now_ms,
            start_failures: 0,
            since_ms: now_ms,
        }
    }

    /// Takes in one event and answers what to do now. Call it with [`RollEvent::Tick`] some times a second.
    pub fn apply(&mut self, event: RollEvent, now_ms: u64) -> Vec<RollCommand> {
        let before = self.state();
        let mut commands = Vec::new();
        self.take_in(event, now_ms, &mut commands);
        self.settle(now_ms, &mut commands);
        if self.state() != before {
            self.since_ms = now_ms;
        }
        commands
    }

    fn take_in(&mut self, event: RollEvent, now_ms: u64, commands: &mut Vec<RollCommand>) {
        match event {
            RollEvent::Begun { record, kept } => self.begun(record, kept, now_ms, commands),
            RollEvent::Wanted(place) => {
                let newer = self.wanted.as_ref().is_none_or(|wanted| wanted.publication < place.publication);
                if newer {
                    self.refused = None;
                    self.wanted = Some(place);
                    self.generations.iter_mut().for_each(|generation| generation.try_anew(now_ms));
                }
            }
            RollEvent::Seen { generation, seen } => {
                if let Some(found) = self.generation(generation) {
                    found.seen = seen;
                }
            }
            RollEvent::Shrunk { generation, by } => {
                let retry_at_ms = now_ms.saturating_add(self.policy.resize_retry_ms);
                if let Some(found) = self.generation(generation) {
                    found.shrunk(by, retry_at_ms);
                }
            }
            RollEvent::Grown { generation } => {
                if let Some(found) = self.generation(generation) {
                    found.resizing = false;
                }
            }
            RollEvent::Counted { generation, slots } => {
                let (gap_ms, every_ms) = (self.policy.count_gap_ms, self.policy.count_every_ms);
                if let Some(found) = self.generation(generation) {
                    found.counted(slots, gap_ms, every_ms, now_ms);
                }
            }
            RollEvent::Ended { generation, failure } => self.ended(generation, failure, now_ms, commands),
            RollEvent::Drain(request) if request.epoch > self.epoch => {
                self.epoch = request.epoch;
                self.drain_requested = !request.cancel;
                self.persist(false, commands);
            }
            RollEvent::Stop => self.stopping = true,
            // An old epoch changes nothing, and time is looked at in any case.
            RollEvent::Drain(_) | RollEvent::Tick => {}
        }
    }

    fn begun(
        &mut self,
        record: Option<DrainRecord>,
        kept: Kept,
        now_ms: u64,
        commands: &mut Vec<RollCommand>,
    ) {
        if let Some(record) = record {
            self.epoch = record.epoch;
            self.drain_requested = !record.cancelled;
            self.persisted = Some(record);
        }
        (self.last_number, self.proved) = (kept.last_number, kept.proved);
        for kept in kept.generations {
            let (generation, leaves) = (kept.number, kept.standing == Standing::Leaving);
            commands.push(RollCommand::Resume { generation, place: kept.place.clone(), slots: kept.slots });
            if leaves {
                commands.push(RollCommand::Stop { generation });
            }
            self.generations.push(Generation::resumed(kept, now_ms));
        }
    }

    /// What the next agent must know if this one is killed.
    pub fn kept(&self) -> Kept {
        Kept {
            last_number: self.last_number,
            proved: self.proved.clone(),
            generations: self.generations.iter().map(Generation::kept).collect(),
        }
    }

    fn ended(&mut self, number: u32, failure: Option<String>, now_ms: u64, commands: &mut Vec<RollCommand>) {
        let Some(index) = self.generations.iter().position(|generation| generation.number == number) else {
            return;
        };
        let ended = self.generations.remove(index);
        let Some(reason) = failure else { return };
        if ended.role == Role::Leaving {
            return; // It was to end.
        }
        self.start_failures = self.start_failures.saturating_add(1);
        self.start_at_ms = now_ms.saturating_add(self.policy.start_wait_ms(self.start_failures));
        if self.can_go_back_from(&ended.place) {
            self.refuse(&ended.place, reason, commands);
        } else {
            self.failed = Some(reason);
        }
    }

    fn generation(&mut self, number: u32) -> Option<&mut Generation> {
        self.generations.iter_mut().find(|generation| generation.number == number)
    }

    /// There is an environment that ran here and is another one.
    fn can_go_back_from(&self, place: &Place) -> bool {
        self.proved.as_ref().is_some_and(|proved| proved.environment != place.environment)
    }

    fn refuse(&mut self, place: &Place, reason: String, commands: &mut Vec<RollCommand>) {
        let publication = match &self.wanted {
            Some(wanted) if wanted.environment == place.environment => wanted.publication.clone(),
            _ => return, // Somebody wants something else meanwhile.
        };
        commands.push(RollCommand::ReportRefused {
            place: Place { publication: publication.clone(), environment: place.environment },
            reason: reason.clone(),
        });
        self.refused = Some((publication, reason));
    }

    fn persist(&mut self, drained: bool, commands: &mut Vec<RollCommand>) {
        if self.epoch == 0 {
            return;
        }
        let record = DrainRecord {
            epoch: self.epoch,
            cancelled: !self.drain_requested,
            drained,
            cancelled_queues: Vec::new(),
        };
        if self.persisted.as_ref() != Some(&record) {
            commands.push(RollCommand::Persist(record.clone()));
            self.persisted = Some(record);
        }
    }
}
