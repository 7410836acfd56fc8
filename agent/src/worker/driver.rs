mod orphans;
mod start;
mod succession;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_core::{Command, Ending, Event, Policy, State, apply};
use agent_logs::{Shipper, WatchError};
use daemon::CancellationToken;
use daemon::health::Component;
use domain::control::{DrainRequest, WorkerState, WorkerStatus};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::command_lines::Commanded;
use super::command_log::CommandLogs;
use super::control::Control;
use super::lines::{Seen, read_line};
use super::record::{RecordError, RecordFile};
use super::running::RunningFile;
use super::tasks::{Task, Tasks};
use crate::clock::Clock;
use crate::process::{Adopted, Family, Handle, Line, OUTPUT_LINES, Program, end_all};
use crate::usage::{Event as UsageEvent, Usage};

/// From SIGTERM, which lets a task clean up outside (`on_kill`), to SIGKILL at the drain deadline.
const KILL_GRACE: Duration = Duration::from_secs(5);

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
    /// Where its process is remembered, and where it writes.
    pub running: RunningFile,
    /// Its processes, also those that an earlier agent left.
    pub family: Family,
    /// Who reaps orphans.
    pub adopted: Adopted,
    /// Finds the logs of its tasks on Airflow 2.
    pub command_logs: CommandLogs,
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
    /// It is not known whether a worker of an earlier agent runs: starting beside it would double it.
    #[error("what an earlier agent left in {} cannot be read", path.display())]
    Left {
        /// The record.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The worker cannot be started at all.
    #[error("the worker cannot be started: {reason}")]
    Start {
        /// Why.
        reason: String,
    },
}

/// What came of something done beside.
enum Answer {
    /// To a command, for the worker process of one generation.
    Event(u64, Event),
    /// What an adopted worker runs.
    Learned(Vec<Task>, Vec<Commanded>),
    Nothing,
}

struct Driver {
    worker: Worker,
    clock: Clock,
    state: State,
    process: Option<Handle>,
    /// Ends the reading of the output after its last line.
    output: CancellationToken,
    /// Grows with every started process; answers about an earlier one are dropped.
    generation: u64,
    answers: JoinSet<Answer>,
    pumps: JoinSet<std::io::Result<()>>,
    lines: mpsc::Receiver<Line>,
    line_sender: mpsc::Sender<Line>,
    names: Tasks,
    /// Tasks that ended while an adopted worker is asked what it runs: its answer may be older.
    ended_meanwhile: Option<BTreeSet<String>>,
    /// Tasks of Airflow 2 that have outlived their worker.
    orphans: Vec<Task>,
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
            process: None,
            output: CancellationToken::new(),
            generation: 0,
            answers: JoinSet::new(),
            pumps: JoinSet::new(),
            lines,
            line_sender,
            names: Tasks::default(),
            ended_meanwhile: None,
            orphans: Vec::new(),
            finished: false,
        };
        let begun = driver.succeed(record).await?;
        driver.handle(begun).await?;
        let mut ticks = tokio::time::interval(tick);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopped: Option<Instant> = None;
        while !driver.finished {
            let event = tokio::select! {
                () = stop.cancelled(), if stopped.is_none() => {
                    stopped = Some(Instant::now());
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
                ending = ended(&mut driver.process) => driver.ended(ending).await,
                Some(answer) = driver.answers.join_next() => match answer {
                    Ok(Answer::Event(generation, event)) if generation == driver.generation => event,
                    Ok(Answer::Learned(tasks, commanded)) => {
                        driver.learned(tasks, commanded);
                        continue;
                    }
                    _ => continue,
                },
                _ = ticks.tick() => Event::Tick,
            };
            if event == Event::Tick {
                driver.look_for_logs();
            }
            driver.handle(event).await?;
        }
        driver.finish(stopped.unwrap_or_else(Instant::now)).await
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
                self.answers
                    .spawn(async move { Answer::Event(generation, Event::Sampled(control.sample().await)) });
            }
            Command::CancelConsumers => {
                self.answers
                    .spawn(async move { Answer::Event(generation, control.cancel_consumers().await) });
            }
            Command::AddConsumers { queues } => {
                self.answers
                    .spawn(async move { Answer::Event(generation, control.add_consumers(&queues).await) });
            }
            Command::Persist(record) => {
                let file = self.worker.record.clone();
                // A lost blocking task means that the runtime ends, and the process with it.
                if let Ok(written) = tokio::task::spawn_blocking(move || file.write(&record)).await {
                    written?;
                }
            }
            Command::Terminate => {
                tracing::info!(pid = self.pid(), "no task is left: telling the worker to end");
                if let Some(process) = &self.process {
                    process.terminate();
                }
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
                tracing::warn!(pid = self.pid(), lost = lost.len(), "ending the worker's process tree");
                let family = self.worker.family.clone();
                self.answers.spawn(async move {
                    end_all(|| family.pids(), KILL_GRACE).await;
                    Answer::Nothing
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

    fn pid(&self) -> u32 {
        self.process.as_ref().map_or(0, Handle::pid)
    }

    fn begun(&mut self, task: Task) {
        self.ship(&task, Shipper::watch);
        self.measure(UsageEvent::begun(task.identity.clone(), self.pid()));
        self.names.begun(task);
    }

    fn seen(&mut self, line: &Line) -> Option<Event> {
        match read_line(&line.0)? {
            Seen::Ready => return Some(Event::Announced),
            Seen::Begun(task) => self.begun(*task),
            Seen::Commanded(commanded) => self.commanded(*commanded),
            Seen::Ended { id, state } => {
                if let Some(task) = self.worker.command_logs.ended(&id) {
                    self.begun(task);
                }
                let state = state
                    .or_else(|| self.worker.command_logs.outcome(&id))
                    .unwrap_or_else(|| agent_usage::UNKNOWN.to_owned());
                self.measure(UsageEvent::Ended { id: id.clone(), state });
                if let Some(ended) = &mut self.ended_meanwhile {
                    ended.insert(id.clone());
                }
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
        let ended = self.process.take().map(|process| process.pid());
        if let Some(pid) = ended {
            self.worker.adopted.awaited(pid);
        }
        self.last_lines().await;
        if let Some(pid) = ended {
            self.measure(UsageEvent::WorkerEnded { pid });
        }
        self.worker.running.forget();
        Event::Exited(ending)
    }

    fn status(&self) -> WorkerStatus {
        self.state.status(&self.worker.node)
    }

    async fn finish(mut self, stopped: Instant) -> Result<(), WorkerError> {
        let deadline = stopped + Duration::from_millis(self.worker.policy.drain_timeout_ms);
        self.wait_for_orphans(deadline).await;
        let family = self.worker.family.clone();
        let left = family.pids().len();
        if left > 0 {
            tracing::info!(left, "ending processes that tasks left behind");
            end_all(|| family.pids(), KILL_GRACE).await;
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
async fn ended(process: &mut Option<Handle>) -> Ending {
    match process {
        Some(process) => process.ended().await,
        None => std::future::pending().await,
    }
}
