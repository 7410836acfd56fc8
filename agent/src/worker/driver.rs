use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use agent_core::{Command, Ending, Event, Policy, State, apply};
use agent_logs::{Shipper, WatchError};
use daemon::CancellationToken;
use daemon::health::Component;
use domain::control::{DrainRequest, WorkerState, WorkerStatus};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::control::Control;
use super::lines::{Seen, read_line};
use super::record::{RecordError, RecordFile};
use super::tasks::{Task, Tasks};
use crate::clock::Clock;
use crate::process::{Adopted, Line, OUTPUT_LINES, Program, end_all, pass_through, pids_below_agent};
use crate::usage::{Event as UsageEvent, Usage};

/// From SIGTERM, which lets a task clean up outside (`on_kill`), to SIGKILL at the drain deadline.
const KILL_GRACE: Duration = Duration::from_secs(5);
/// The last lines of an ended worker are waited for this long; an orphan may hold the pipe open for ever.
const LAST_LINES: Duration = Duration::from_millis(500);

/// Somebody asks for a drain and waits for the status after it.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub drain: DrainRequest,
    /// Who waits.
    pub answer: oneshot::Sender<WorkerStatus>,
}

/// A worker to be supervised.
#[derive(Debug)]
pub struct Worker {
    /// How it is started.
    pub program: Program,
    /// Its Celery node name.
    pub node: String,
    /// How it is looked at.
    pub control: Control,
    /// Where a drain is remembered.
    pub record: RecordFile,
    /// Who reaps orphans.
    pub adopted: Adopted,
    /// Its bounds.
    pub policy: Policy,
    /// What others see.
    pub status: watch::Sender<WorkerStatus>,
    /// What the readiness probe sees: ready from the first consumed queue until the process has ended, also
    /// through a drain and a broker's absence (pods that are not ready are deleted first).
    pub ready: Component,
    /// Who ships the logs of its tasks; absent: Airflow does.
    pub logs: Option<Arc<Shipper>>,
    /// Who measures what its tasks use.
    pub usage: Option<Arc<Usage>>,
}

/// Why supervision ended badly.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// A drain that is not remembered would be undone by a restart.
    #[error("the state of a drain is not safe")]
    Record(#[from] RecordError),
    /// The worker cannot be started at all.
    #[error("the worker cannot be started: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
}

/// An answer to a command, for the worker process of one generation.
type Answer = Option<(u64, Event)>;

struct Driver {
    worker: Worker,
    clock: Clock,
    state: State,
    child: Option<Child>,
    pid: u32,
    /// Grows with every started process; answers about an earlier one are dropped.
    generation: u64,
    answers: JoinSet<Answer>,
    pumps: JoinSet<std::io::Result<()>>,
    lines: mpsc::Receiver<Line>,
    line_sender: mpsc::Sender<Line>,
    names: Tasks,
    finished: bool,
}

impl Worker {
    /// Supervises until the worker was stopped, after `stop` or because it cannot be started.
    pub async fn supervise(
        self,
        mut requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let clock = Clock::start();
        let state = State::new(self.policy.clone(), clock.now_ms());
        let tick = Duration::from_millis(self.policy.fast_sample_ms);
        let (line_sender, lines) = mpsc::channel(OUTPUT_LINES);
        let record = self.record.read()?;
        let mut driver = Driver {
            worker: self,
            clock,
            state,
            child: None,
            pid: 0,
            generation: 0,
            answers: JoinSet::new(),
            pumps: JoinSet::new(),
            lines,
            line_sender,
            names: Tasks::default(),
            finished: false,
        };
        driver.handle(Event::Begun { record }).await?;
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = false;
        while !driver.finished {
            let event = tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    Event::Stop
                }
                Some(request) = requests.recv() => {
                    driver.handle(Event::Drain(request.drain)).await?;
                    // The asker may have gone; the drain stands all the same.
                    drop(request.answer.send(driver.status()));
                    continue;
                }
                Some(line) = driver.lines.recv() => match driver.seen(&line) {
                    Some(event) => event,
                    None => continue,
                },
                ending = ended(&mut driver.child) => driver.ended(ending).await,
                Some(answer) = driver.answers.join_next() => match answer {
                    Ok(Some((generation, event))) if generation == driver.generation => event,
                    _ => continue,
                },
                _ = ticks.tick() => Event::Tick,
            };
            driver.handle(event).await?;
        }
        driver.finish().await
    }
}

impl Driver {
    async fn handle(&mut self, event: Event) -> Result<(), WorkerError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let before = self.status().state;
            let commands = apply(&mut self.state, event, self.clock.now_ms());
            let status = self.status();
            if status.state != before {
                tracing::info!(worker = status.worker, from = ?before, to = ?status.state, epoch = status.epoch, "worker state");
            }
            let unready = match status.state {
                WorkerState::Ready | WorkerState::Draining | WorkerState::Drained => None,
                WorkerState::Starting => Some("the worker starts"),
                WorkerState::Stopped | WorkerState::Failed => Some("the worker has ended"),
            };
            unready.map_or_else(|| self.worker.ready.ready(), |reason| self.worker.ready.not_ready(reason));
            metrics::gauge!("updraft_agent_running_tasks").set(status.active);
            self.worker.status.send_replace(status);
            for command in commands {
                events.extend(self.perform(command).await?);
            }
        }
        Ok(())
    }

    async fn perform(&mut self, command: Command) -> Result<Option<Event>, WorkerError> {
        let (control, generation) = (self.worker.control.clone(), self.generation);
        match command {
            Command::Spawn => return Ok(Some(self.spawn())),
            Command::Sample => {
                self.answers.spawn(async move { Some((generation, Event::Sampled(control.sample().await))) });
            }
            Command::CancelConsumers => {
                self.answers.spawn(async move { Some((generation, control.cancel_consumers().await)) });
            }
            Command::AddConsumers { queues } => {
                self.answers.spawn(async move { Some((generation, control.add_consumers(&queues).await)) });
            }
            Command::Persist(record) => {
                let file = self.worker.record.clone();
                // A lost blocking task means that the runtime ends, and the process with it.
                if let Ok(written) = tokio::task::spawn_blocking(move || file.write(&record)).await {
                    written?;
                }
            }
            Command::Terminate => {
                tracing::info!(pid = self.pid, "no task is left: telling the worker to end");
                signal(self.pid, Signal::SIGTERM);
            }
            Command::KillTree { lost } => {
                for id in &lost {
                    metrics::counter!("updraft_agent_lost_tasks_total").increment(1);
                    tracing::error!(
                        task = self.names.name(id),
                        ti_id = id,
                        "ended with its worker past the drain deadline"
                    );
                }
                tracing::warn!(pid = self.pid, lost = lost.len(), "ending the worker's process tree");
                self.answers.spawn(async move {
                    end_all(pids_below_agent, KILL_GRACE).await;
                    None
                });
            }
            Command::ReportDied { ending, tasks } => {
                metrics::counter!("updraft_agent_worker_deaths_total").increment(1);
                let tasks: Vec<_> = tasks.iter().map(|id| self.names.name(id)).collect();
                tracing::error!(?ending, ?tasks, "the worker died by itself");
            }
            Command::Finish => self.finished = true,
        }
        Ok(None)
    }

    fn spawn(&mut self) -> Event {
        // Until it is known as awaited, a child that ends at once must not be reaped as an orphan.
        let _paused = self.worker.adopted.pause();
        match self.worker.program.start() {
            Ok(mut started) => {
                self.generation += 1;
                self.pid = started.pid;
                self.worker.adopted.own(started.pid);
                if let Some(output) = started.child.stdout.take() {
                    self.pumps.spawn(pass_through(output, Some(self.line_sender.clone())));
                }
                if let Some(output) = started.child.stderr.take() {
                    self.pumps.spawn(pass_through(output, Some(self.line_sender.clone())));
                }
                self.child = Some(started.child);
                self.measure(UsageEvent::WorkerStarted { pid: self.pid });
                tracing::info!(pid = self.pid, worker = self.worker.node, "worker process started");
                Event::Spawned
            }
            Err(error) => {
                let reason = match std::error::Error::source(&error) {
                    Some(source) => format!("{error}: {source}"),
                    None => error.to_string(),
                };
                tracing::error!(reason, "the worker process cannot be started");
                Event::SpawnFailed { reason, retryable: error.is_retryable() }
            }
        }
    }

    fn seen(&mut self, line: &Line) -> Option<Event> {
        match read_line(&line.0)? {
            Seen::Ready => return Some(Event::Announced),
            Seen::Begun(task) => {
                self.ship(&task, Shipper::watch);
                self.measure(UsageEvent::begun(task.identity.clone(), self.pid));
                self.names.begun(*task);
            }
            Seen::Ended { id, state } => {
                let state = state.unwrap_or_else(|| agent_usage::UNKNOWN.to_owned());
                self.measure(UsageEvent::Ended { id: id.clone(), state });
                if let Some(task) = self.names.ended(&id) {
                    self.ship(&task, Shipper::finish);
                }
            }
        }
        None
    }

    fn measure(&self, event: UsageEvent) {
        if let Some(usage) = &self.worker.usage {
            usage.tell(event);
        }
    }

    fn ship(&self, task: &Task, wish: fn(&Shipper, String) -> Result<(), WatchError>) {
        if let Some(logs) = &self.worker.logs
            && let Err(error) = wish(logs, task.log_path.clone())
        {
            tracing::warn!(%task, %error, "its log is not shipped");
        }
    }

    async fn ended(&mut self, ending: Ending) -> Event {
        self.child = None;
        self.worker.adopted.awaited(self.pid);
        let deadline = Instant::now() + LAST_LINES;
        loop {
            let line = tokio::select! {
                Some(line) = self.lines.recv() => line,
                joined = self.pumps.join_next() => match joined {
                    Some(_) => continue,
                    None => break,
                },
                () = tokio::time::sleep_until(deadline) => {
                    tracing::debug!("a process that the worker left behind holds its output open");
                    break;
                }
            };
            self.seen(&line);
        }
        while let Ok(line) = self.lines.try_recv() {
            self.seen(&line);
        }
        for task in self.names.drain() {
            self.ship(&task, Shipper::finish);
        }
        self.measure(UsageEvent::WorkerEnded { pid: self.pid });
        Event::Exited(ending)
    }

    fn status(&self) -> WorkerStatus {
        self.state.status(&self.worker.node)
    }

    async fn finish(mut self) -> Result<(), WorkerError> {
        let left = pids_below_agent().len();
        if left > 0 {
            tracing::info!(left, "ending processes that tasks left behind");
            end_all(pids_below_agent, KILL_GRACE).await;
        }
        self.answers.shutdown().await;
        let status = self.status();
        if status.state == WorkerState::Failed {
            return Err(WorkerError::Start { reason: status.reason.unwrap_or_default() });
        }
        self.worker.record.forget();
        Ok(())
    }
}

/// Pends while there is no process.
async fn ended(child: &mut Option<Child>) -> Ending {
    use std::os::unix::process::ExitStatusExt;
    let Some(child) = child else { return std::future::pending().await };
    match child.wait().await {
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Ending::Code(code),
            (None, signal) => Ending::Signal(signal.unwrap_or_default()),
        },
        Err(error) => {
            tracing::warn!(%error, "the worker's end was not seen; it counts as ended");
            Ending::Code(-1)
        }
    }
}

fn signal(pid: u32, signal: Signal) {
    let Ok(pid) = i32::try_from(pid) else { return };
    if let Err(error) = kill(Pid::from_raw(pid), signal) {
        tracing::debug!(pid, %signal, %error, "the worker had ended already");
    }
}
