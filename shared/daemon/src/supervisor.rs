use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::chain::chain;
use crate::outcome::{Cause, Failure, Outcome};
use crate::signals::Signals;

/// What a task ends with when it fails.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

type TaskFuture = Pin<Box<dyn Future<Output = Result<(), BoxError>> + Send>>;
type Joined = Result<(Id, Result<(), BoxError>), JoinError>;
type Start = Box<dyn FnMut(CancellationToken) -> TaskFuture + Send>;

/// When a task is told to stop, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Takes new work: stops first.
    Intake,
    /// Finishes or hands back what was taken.
    Work,
    /// Writes out what is left, and answers probes until the end.
    Flush,
}

const STAGES: [Stage; 3] = [Stage::Intake, Stage::Work, Stage::Flush];

/// What happens when a task fails (an error or a panic). A task that ends well is simply over.
#[derive(Debug, Clone)]
pub enum OnFailure {
    /// The program shuts down and says which task failed.
    ShutDown,
    /// Logged, and started again after a wait that grows to a bound.
    Restart(Backoff),
}

/// What a second signal does during the shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondSignal {
    /// The program exits at once and names what still ran.
    Exit,
    /// Noted; the shutdown goes on. For programs that guard other people's work.
    Ignore,
}

/// How a program shuts down.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Time for all stages together.
    pub grace: Duration,
    /// What a second signal does.
    pub second_signal: SecondSignal,
}

impl Policy {
    /// Shutdown within `grace`; a second signal exits at once.
    pub fn new(grace: Duration) -> Self {
        Self { grace, second_signal: SecondSignal::Exit }
    }
}

/// A task that has run this long is healthy: its next failure waits from the start again.
const HEALTHY_AFTER: Duration = Duration::from_mins(1);

struct Task {
    name: String,
    stage: Stage,
    on_failure: OnFailure,
    start: Start,
    started: Instant,
}

/// Asks a running program to stop, from anywhere inside it.
#[derive(Debug, Clone)]
pub struct Handle(watch::Sender<Option<String>>);

impl Handle {
    /// Begins the shutdown; the first reason stays.
    pub fn shut_down(&self, reason: &str) {
        self.0.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(reason.to_owned());
            }
            first
        });
    }
}

/// Owns every task of a program. See the crate's example.
pub struct Supervisor {
    running: JoinSet<Result<(), BoxError>>,
    tasks: HashMap<Id, Task>,
    tokens: [CancellationToken; 3],
    handle: Handle,
    requests: watch::Receiver<Option<String>>,
    failures: Vec<Failure>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// A supervisor without tasks.
    pub fn new() -> Self {
        let (sender, requests) = watch::channel(None);
        Self {
            running: JoinSet::new(),
            tasks: HashMap::new(),
            tokens: [CancellationToken::new(), CancellationToken::new(), CancellationToken::new()],
            handle: Handle(sender),
            requests,
            failures: Vec::new(),
        }
    }

    /// A handle with which a part of the program can end it.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// The token that is cancelled when `stage` begins to stop.
    pub fn token(&self, stage: Stage) -> CancellationToken {
        self.tokens[stage as usize].clone()
    }

    /// Starts a task now, on the current runtime. `start` is called again after each failure that the
    /// policy restarts; it gets the token of its stage and must end soon after that is cancelled.
    pub fn spawn<F>(
        &mut self,
        name: &str,
        stage: Stage,
        on_failure: OnFailure,
        mut start: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = Result<(), BoxError>> + Send + 'static,
    {
        let start: Start = Box::new(move |token| Box::pin(start(token)));
        let task = Task { name: name.to_owned(), stage, on_failure, start, started: Instant::now() };
        self.start(task, Duration::ZERO);
    }

    fn start(&mut self, mut task: Task, wait: Duration) {
        let token = self.token(task.stage);
        let future = (task.start)(token.clone());
        let id = self
            .running
            .spawn(async move {
                if !wait.is_zero() && token.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                    return Ok(());
                }
                future.await
            })
            .id();
        task.started = Instant::now() + wait;
        self.tasks.insert(id, task);
    }

    /// Runs until a signal, a [`Handle`], a failed task or the end of all tasks begins the shutdown, then
    /// stops stage after stage.
    pub async fn run(mut self, mut signals: Signals, policy: Policy) -> Outcome {
        let cause = self.until_cause(&mut signals).await;
        tracing::info!(%cause, grace_s = policy.grace.as_secs(), "shutting down");
        let deadline = Instant::now() + policy.grace;
        for stage in STAGES {
            self.token(stage).cancel();
            while self.tasks.values().any(|task| task.stage == stage) {
                tokio::select! {
                    signal = signals.next() => match policy.second_signal {
                        SecondSignal::Exit => {
                            tracing::warn!(%signal, "second signal: exiting at once");
                            return self.outcome(cause, true);
                        }
                        SecondSignal::Ignore => tracing::warn!(%signal, "already shutting down"),
                    },
                    () = tokio::time::sleep_until(deadline) => {
                        let outcome = self.outcome(cause, false);
                        tracing::error!(stragglers = ?outcome.stragglers, "tasks still run at the shutdown deadline");
                        return outcome;
                    }
                    ended = self.running.join_next_with_id() => {
                        self.ended(ended, true);
                    }
                }
            }
        }
        self.outcome(cause, false)
    }

    async fn until_cause(&mut self, signals: &mut Signals) -> Cause {
        loop {
            if self.tasks.is_empty() {
                return Cause::AllEnded;
            }
            let mut requests = self.requests.clone();
            tokio::select! {
                signal = signals.next() => return Cause::Signal(signal),
                Ok(reason) = requests.wait_for(Option::is_some) => {
                    return Cause::Requested { reason: reason.clone().unwrap_or_default() };
                }
                ended = self.running.join_next_with_id() => {
                    if let Some(task) = self.ended(ended, false) {
                        return Cause::TaskFailed { task };
                    }
                }
            }
        }
    }

    /// Settles the end of a task; answers its name when it ends the program.
    fn ended(&mut self, ended: Option<Joined>, stopping: bool) -> Option<String> {
        let (id, error) = match ended? {
            Ok((id, Ok(()))) => (id, None),
            Ok((id, Err(error))) => (id, Some(chain(error.as_ref()))),
            Err(error) => {
                (error.id(), Some(String::from(if error.is_panic() { "panicked" } else { "aborted" })))
            }
        };
        let mut task = self.tasks.remove(&id)?;
        let message = error?;
        match &mut task.on_failure {
            OnFailure::Restart(backoff) if !stopping => {
                if task.started.elapsed() >= HEALTHY_AFTER {
                    backoff.reset();
                }
                let wait = backoff.next_wait();
                tracing::warn!(
                    task = task.name,
                    error = message,
                    wait_ms = wait.as_millis(),
                    "task failed, restarting"
                );
                self.start(task, wait);
                None
            }
            _ => {
                tracing::error!(task = task.name, error = message, "task failed");
                self.failures.push(Failure { task: task.name.clone(), message });
                Some(task.name)
            }
        }
    }

    fn outcome(&mut self, cause: Cause, forced: bool) -> Outcome {
        let mut stragglers: Vec<_> = self.tasks.values().map(|task| task.name.clone()).collect();
        stragglers.sort();
        Outcome { cause, failures: std::mem::take(&mut self.failures), stragglers, forced }
    }
}
