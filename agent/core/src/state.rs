use domain::control::{self, WorkerState, WorkerStatus};

use crate::event::{Command, DrainRecord};
use crate::policy::Policy;

/// Everything that is known about the worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    pub(crate) policy: Policy,
    pub(crate) phase: Phase,
    pub(crate) since_ms: u64,
    /// Last drain epoch seen.
    pub(crate) epoch: u64,
    /// The last epoch asks for a drain.
    pub(crate) drain_requested: bool,
    /// The agent was told to stop, at this time; never taken back.
    pub(crate) stop_ms: Option<u64>,
    pub(crate) process: Option<Process>,
    /// Failed starts and crashes in a row.
    pub(crate) failures: u32,
    pub(crate) spawn_at_ms: u64,
    /// Queues that were cancelled and not added again.
    pub(crate) cancelled_queues: Vec<String>,
    pub(crate) outstanding: Outstanding,
    pub(crate) persisted: Option<DrainRecord>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Phase {
    Starting,
    Ready,
    Draining(Drain),
    Drained,
    Stopped,
    Failed { reason: String },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drain {
    pub(crate) deadline_ms: u64,
    /// The worker consumes no queue any more.
    pub(crate) acknowledged: bool,
    /// First of the idle samples that followed each other without a break.
    pub(crate) idle_since_ms: Option<u64>,
    /// A second one came late enough after it.
    pub(crate) confirmed: bool,
}

/// The worker process and what was last seen of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) spawned_ms: u64,
    /// Its consumers are the ones it was started with, or were added again.
    pub(crate) ready_ms: Option<u64>,
    /// Last answer of its remote control.
    pub(crate) control_ms: Option<u64>,
    pub(crate) tasks: Vec<String>,
    pub(crate) reserved: u32,
    pub(crate) terminated_ms: Option<u64>,
    pub(crate) killed: bool,
}

impl Process {
    /// A process of which nothing was seen yet.
    pub(crate) fn at(now_ms: u64) -> Self {
        Self {
            spawned_ms: now_ms,
            ready_ms: None,
            control_ms: None,
            tasks: Vec::new(),
            reserved: 0,
            terminated_ms: None,
            killed: false,
        }
    }
}

/// Commands that wait for their answer, and when the next ones are due.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Outstanding {
    pub(crate) spawn: bool,
    pub(crate) sample: bool,
    pub(crate) consumers: bool,
    pub(crate) sample_at_ms: u64,
    pub(crate) consumers_at_ms: u64,
}

impl State {
    /// A worker that has not been started. The first event is [`crate::Event::Begun`].
    pub fn new(policy: Policy, now_ms: u64) -> Self {
        Self {
            policy,
            phase: Phase::Starting,
            since_ms: now_ms,
            epoch: 0,
            drain_requested: false,
            stop_ms: None,
            process: None,
            failures: 0,
            spawn_at_ms: now_ms,
            cancelled_queues: Vec::new(),
            outstanding: Outstanding::default(),
            persisted: None,
        }
    }

    /// Records the last drain request; only requests are recorded, so that a container that was restarted
    /// after a plain stop starts its worker.
    pub(crate) fn persist(&mut self, drained: bool, commands: &mut Vec<Command>) {
        if self.epoch == 0 {
            return;
        }
        let record = DrainRecord {
            epoch: self.epoch,
            cancelled: !self.drain_requested,
            drained,
            cancelled_queues: self.cancelled_queues.clone(),
        };
        if self.persisted.as_ref() != Some(&record) {
            commands.push(Command::Persist(record.clone()));
            self.persisted = Some(record);
        }
    }

    /// What others are told; `worker` is the Celery node name.
    pub fn status(&self, worker: &str) -> WorkerStatus {
        let (state, reason) = match &self.phase {
            // A start that follows a death or a failed start says so.
            Phase::Starting if self.failures > 0 => {
                (WorkerState::Starting, Some(format!("died or failed to start {} times", self.failures)))
            }
            Phase::Starting => (WorkerState::Starting, None),
            Phase::Ready => (WorkerState::Ready, None),
            Phase::Draining(_) => (WorkerState::Draining, None),
            Phase::Drained => (WorkerState::Drained, None),
            Phase::Stopped => (WorkerState::Stopped, None),
            Phase::Failed { reason } => (WorkerState::Failed, Some(reason.clone())),
        };
        WorkerStatus {
            schema: control::SCHEMA,
            worker: worker.to_owned(),
            state,
            epoch: self.epoch,
            active: u32::try_from(self.tasks().len()).unwrap_or(u32::MAX),
            reserved: self.process.as_ref().map_or(0, |process| process.reserved),
            since_ms: self.since_ms,
            reason,
        }
    }

    /// Tasks that ran when the worker was last seen.
    pub fn tasks(&self) -> &[String] {
        self.process.as_ref().map_or(&[], |process| &process.tasks)
    }

    /// When the drain's process tree is ended, while draining.
    pub fn drain_deadline_ms(&self) -> Option<u64> {
        match &self.phase {
            Phase::Draining(drain) => Some(drain.deadline_ms),
            _ => None,
        }
    }

    /// The worker is to consume nothing.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.drain_requested || self.stop_ms.is_some()
    }

    pub(crate) fn enter(&mut self, phase: Phase, now_ms: u64) {
        self.phase = phase;
        self.since_ms = now_ms;
    }
}
