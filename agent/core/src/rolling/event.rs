use domain::control::{DrainRequest, WorkerState};
use domain::{EnvId, PublicationId};
use serde::{Deserialize, Serialize};

use crate::event::DrainRecord;

/// What a worker process runs: code, and the environment it was published with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The code.
    pub publication: PublicationId,
    /// The environment; absent: the base.
    pub environment: Option<EnvId>,
}

/// What a generation's own life cycle tells about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Its state.
    pub state: WorkerState,
    /// Tasks that run.
    pub active: u32,
    /// Tasks taken and not begun.
    pub reserved: u32,
    /// Its process has died, or could not be started, since it was last ready for a while.
    pub died: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { state: WorkerState::Starting, active: 0, reserved: 0, died: false }
    }
}

/// What happened. Each command that can be answered is answered within a bounded time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RollEvent {
    /// The agent has started.
    Begun {
        /// What an earlier one left about a drain of the whole worker: the last one that was not taken back.
        record: Option<DrainRecord>,
        /// What an earlier one left running.
        kept: Kept,
    },
    /// This publication is current and usable here.
    Wanted(Place),
    /// A generation was looked at.
    Seen {
        /// Which.
        generation: u32,
        /// What was seen.
        seen: Seen,
    },
    /// Answer to [`RollCommand::Shrink`]: the slots that the worker has certainly given up.
    Shrunk {
        /// Which.
        generation: u32,
        /// How many; at most what was asked.
        by: u32,
    },
    /// Answer to [`RollCommand::Grow`], also when it is not known whether the worker heard it.
    Grown {
        /// Which.
        generation: u32,
    },
    /// Answer to [`RollCommand::Count`].
    Counted {
        /// Which.
        generation: u32,
        /// Its pool processes; absent when it did not answer.
        slots: Option<u32>,
    },
    /// A generation's process has ended, and its life cycle with it.
    Ended {
        /// Which.
        generation: u32,
        /// Why it cannot be started at all; absent after a stop.
        failure: Option<String>,
    },
    /// Somebody asks for a drain of the whole worker or takes it back.
    Drain(DrainRequest),
    /// The agent was told to stop.
    Stop,
    /// Time passed.
    Tick,
}

/// What to do now, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum RollCommand {
    /// Start a worker process with its own life cycle.
    Start {
        /// Its number, from 1.
        generation: u32,
        /// What it runs.
        place: Place,
        /// Its slots, at least 1.
        slots: u32,
    },
    /// Supervise a worker process that an earlier agent left running.
    Resume {
        /// Its number.
        generation: u32,
        /// What it runs.
        place: Place,
        /// Its slots.
        slots: u32,
    },
    /// Move the code of a generation to this publication, which has the same environment.
    MoveCode {
        /// Which.
        generation: u32,
        /// The publication.
        publication: PublicationId,
    },
    /// Ask a generation's life cycle for a drain, or take it back.
    Drain {
        /// Which.
        generation: u32,
        /// The request.
        request: DrainRequest,
    },
    /// Tell a generation's life cycle to stop: drain, then end.
    Stop {
        /// Which.
        generation: u32,
    },
    /// Take idle slots from a generation.
    Shrink {
        /// Which.
        generation: u32,
        /// How many.
        by: u32,
    },
    /// Add slots to a generation.
    Grow {
        /// Which.
        generation: u32,
        /// How many.
        by: u32,
    },
    /// Count a generation's pool processes.
    Count {
        /// Which.
        generation: u32,
    },
    /// Write the record of the whole worker durably, before the next command.
    Persist(DrainRecord),
    /// A generation is ready and takes the tasks from now on.
    ReportServing {
        /// Which.
        generation: u32,
        /// What it runs.
        place: Place,
        /// Milliseconds since it was started.
        took_ms: u64,
    },
    /// A publication's environment did not start here; the worker stays where it was.
    ReportRefused {
        /// The publication.
        place: Place,
        /// Why.
        reason: String,
    },
    /// The agent may end.
    Finish,
}

/// What the next agent must know if this one is killed: written down before it is acted on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Kept {
    /// Number of the last generation that was started; numbers are not used again.
    pub last_number: u32,
    /// The place of the last generation that was ready.
    pub proved: Option<Place>,
    /// Generations that may run.
    pub generations: Vec<KeptGeneration>,
}

/// A generation of [`Kept`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptGeneration {
    /// Its number.
    pub number: u32,
    /// What it runs.
    pub place: Place,
    /// The most slots that it may have.
    pub slots: u32,
    /// Last epoch that its life cycle was given.
    pub epoch: u64,
    /// What it is for.
    pub standing: Standing,
}

/// What a generation of [`Kept`] is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// Was started and not ready yet.
    Starting,
    /// Took tasks.
    Serving,
    /// Was drained and could be taken back.
    Held,
    /// Was to end.
    Leaving,
}

/// The bounds of rolling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollPolicy {
    /// Slots of all generations together: the worker's concurrency. At least 1.
    pub slots: u32,
    /// A new generation that is not ready after so long is given up, when there is one to go back to.
    pub ready_timeout_ms: u64,
    /// From the moment a generation is told to take nothing until idle slots are taken from it: what it has taken
    /// meanwhile must have been seen, for Celery may end a process that it has just given a task.
    pub shrink_delay_ms: u64,
    /// Between two attempts to take slots from a generation that gave fewer than asked.
    pub resize_retry_ms: u64,
    /// Between two counts of a serving generation's slots.
    pub count_every_ms: u64,
    /// Two equal counts so far apart correct what was believed: a crashed pool process is replaced sooner.
    pub count_gap_ms: u64,
    /// First wait before a generation that could not be started is started again.
    pub restart_initial_ms: u64,
    /// Longest such wait.
    pub restart_max_ms: u64,
}

impl Default for RollPolicy {
    fn default() -> Self {
        Self {
            slots: 16,
            // Ten times what a worker of Airflow 2 takes without compiled bytecode on a loaded machine.
            ready_timeout_ms: 180_000,
            shrink_delay_ms: 2_000,
            resize_retry_ms: 1_000,
            count_every_ms: 15_000,
            count_gap_ms: 10_000,
            restart_initial_ms: 1_000,
            restart_max_ms: 60_000,
        }
    }
}

impl RollPolicy {
    /// The wait before the next start after `failures` failures in a row.
    pub(crate) fn start_wait_ms(&self, failures: u32) -> u64 {
        let doublings = failures.saturating_sub(1).min(20);
        self.restart_initial_ms.saturating_mul(1 << doublings).min(self.restart_max_ms)
    }
}
