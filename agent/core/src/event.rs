use domain::control::DrainRequest;
use serde::{Deserialize, Serialize};

/// What happened. Each command is answered by one of these, within a bounded time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The agent has started; `record` is what an earlier one left about a drain.
    Begun {
        /// The last drain that was not taken back.
        record: Option<DrainRecord>,
    },
    /// The agent has started beside a worker that an earlier agent left running: instead of [`Event::Begun`].
    Resumed {
        /// The last drain that was not taken back.
        record: Option<DrainRecord>,
        /// Queues that the worker was started for; what it consumes now is not known.
        queues: Vec<String>,
    },
    /// The worker process runs.
    Spawned,
    /// The worker process could not be started.
    SpawnFailed {
        /// Why.
        reason: String,
        /// Whether another attempt can succeed (a missing program cannot).
        retryable: bool,
    },
    /// The worker said that it is ready.
    Announced,
    /// Answer to [`Command::Sample`].
    Sampled(Sample),
    /// Answer to [`Command::CancelConsumers`]: the worker consumes no queue any more.
    ConsumersCancelled {
        /// The queues that were cancelled now.
        queues: Vec<String>,
    },
    /// Answer to [`Command::AddConsumers`]: the worker consumes all of them.
    ConsumersAdded,
    /// The worker did not acknowledge a change of all its consumers.
    ConsumersFailed {
        /// Queues that were cancelled before it failed.
        cancelled: Vec<String>,
    },
    /// Somebody asks for a drain or takes it back.
    Drain(DrainRequest),
    /// The agent was told to stop: drain, then end.
    Stop,
    /// The worker process has ended.
    Exited(Ending),
    /// Time passed.
    Tick,
}

/// How a worker process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Exit code.
    Code(i32),
    /// Signal number.
    Signal(i32),
    /// It has ended; how is known only to the agent that started it, which is gone.
    Unknown,
}

/// What was seen of the worker at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// What the worker answered; absent when it did not.
    pub control: Option<ControlFacts>,
    /// Tasks that have a running process below the worker.
    pub running: Vec<String>,
}

/// The worker's own answer about its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ControlFacts {
    /// Tasks it runs.
    pub active: Vec<String>,
    /// Tasks it has taken from the queue and not begun.
    pub reserved: u32,
}

/// A drain that outlives the agent: kept on the pod's volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DrainRecord {
    /// The epoch.
    pub epoch: u64,
    /// The last request of this epoch took the drain back: the worker consumes.
    pub cancelled: bool,
    /// Nothing was left when this was written.
    pub drained: bool,
    /// Queues that were cancelled and not added again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cancelled_queues: Vec<String>,
}

/// What to do now, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Start the worker process.
    Spawn,
    /// Look what runs.
    Sample,
    /// Cancel the consumers of every queue and see that none is left.
    CancelConsumers,
    /// Consume these again.
    AddConsumers {
        /// Queues.
        queues: Vec<String>,
    },
    /// Write the record durably, before the next command.
    Persist(DrainRecord),
    /// SIGTERM to the worker's main process, which is idle.
    Terminate,
    /// End the worker's whole process tree.
    KillTree {
        /// The tasks that this loses; empty for an idle worker that did not end.
        lost: Vec<String>,
    },
    /// The worker process died by itself while it ran these.
    ReportDied {
        /// How.
        ending: Ending,
        /// Tasks that it ran when it was last seen.
        tasks: Vec<String>,
    },
    /// The agent may end.
    Finish,
}
