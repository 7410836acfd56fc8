//! Process mode: a worker process for each environment, rolled within the worker's slots.
//!
//! `agent_core::rolling` decides over the generations; each generation is a [`crate::worker::Worker`] with its
//! own node name, drain record and code. To the outside (socket, probes, the autoscaler) they are one worker.

mod command;
mod generation;
mod kept;
mod pool;

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use agent_core::Policy;
use agent_core::rolling::{Place, Roll, RollCommand, RollEvent, RollPolicy};
use agent_logs::Shipper;
use daemon::CancellationToken;
use daemon::health::Component;
use domain::control::{DrainRequest, WorkerState, WorkerStatus};
use domain::{EnvId, RepositoryName};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::link::BrokerLink;
use crate::process::{Adopted, end_all, pids_below_agent};
use crate::usage::Usage;
use crate::volume::{Followed, Volume};
use crate::worker::{RecordFile, Request, WorkerError};
use generation::{Ended, Running};
use kept::KeptFile;

/// Between two looks at the generations; each of them samples its worker no more often than twice a second.
const EVERY: Duration = Duration::from_millis(250);
/// From SIGTERM to SIGKILL for what no generation claims at the end.
const LEFTOVER_GRACE: Duration = Duration::from_secs(5);

/// A worker in process mode.
#[derive(Debug)]
pub struct RollingWorker {
    /// The worker's command.
    pub command: Vec<String>,
    /// Variables that every generation gets.
    pub variables: BTreeMap<String, Option<OsString>>,
    /// Node name of the first generation, and of the worker as a whole.
    pub node: String,
    /// The broker.
    pub link: Option<Arc<BrokerLink>>,
    /// Who reaps orphans.
    pub adopted: Adopted,
    /// Bounds of each generation's life.
    pub policy: Policy,
    /// Bounds of rolling.
    pub roll: RollPolicy,
    /// Where a drain of the whole worker is remembered.
    pub record: RecordFile,
    /// Folder of the generations' own records and links.
    pub folder: PathBuf,
    /// The volume.
    pub volume: Volume,
    /// The repository whose current publication is run.
    pub repository: RepositoryName,
    /// Folder of the DAG files in the repository, for an Airflow that reads its code from `dags_folder`.
    pub dags_subdir: Option<PathBuf>,
    /// Folder of the base's programs.
    pub scripts: PathBuf,
    /// Current publications that are usable here.
    pub followed: watch::Receiver<Followed>,
    /// Airflow's `base_log_folder`.
    pub base_log_folder: Option<PathBuf>,
    /// Who ships the logs of its tasks.
    pub logs: Option<Arc<Shipper>>,
    /// Who measures what its tasks use.
    pub usage: Option<Arc<Usage>>,
    /// What others see.
    pub status: watch::Sender<WorkerStatus>,
    /// What the readiness probe sees.
    pub ready: Component,
}

struct Rolling {
    worker: RollingWorker,
    clock: Clock,
    roll: Roll,
    running: BTreeMap<u32, Running>,
    supervised: JoinSet<Ended>,
    answers: JoinSet<RollEvent>,
    kept: KeptFile,
    failure: Option<WorkerError>,
    finished: bool,
}

impl RollingWorker {
    /// Supervises until the worker was stopped, after `stop` or because it cannot be started.
    pub async fn supervise(
        self,
        mut requests: mpsc::Receiver<Request>,
        stop: CancellationToken,
    ) -> Result<(), WorkerError> {
        let clock = Clock::start();
        let record = self.record.read()?;
        let kept = KeptFile::in_folder(&self.folder);
        let failed = |source| WorkerError::Left { path: kept.path().to_owned(), source };
        let left = kept.left(|generation| self.running_file(generation)).map_err(failed)?;
        let mut rolling = Rolling {
            clock,
            roll: Roll::new(self.roll.clone(), clock.now_ms()),
            worker: self,
            running: BTreeMap::new(),
            supervised: JoinSet::new(),
            answers: JoinSet::new(),
            kept,
            failure: None,
            finished: false,
        };
        rolling.handle(RollEvent::Begun { record, kept: left }).await?;
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut stopping = false;
        while !rolling.finished {
            let event = tokio::select! {
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    RollEvent::Stop
                }
                Some(request) = requests.recv() => {
                    rolling.handle(RollEvent::Drain(request.drain)).await?;
                    // The asker may have gone; the drain stands all the same.
                    drop(request.answer.send(rolling.status()));
                    continue;
                }
                place = wanted(&mut rolling.worker.followed) => RollEvent::Wanted(place),
                Some(ended) = rolling.supervised.join_next() => match ended {
                    Ok(ended) => rolling.ended(ended),
                    Err(error) => {
                        tracing::error!(%error, "a generation is not supervised any more");
                        continue;
                    }
                },
                Some(answer) = rolling.answers.join_next() => match answer {
                    Ok(event) => event,
                    Err(_) => continue,
                },
                _ = ticks.tick() => {
                    rolling.look().await?;
                    RollEvent::Tick
                }
            };
            rolling.handle(event).await?;
        }
        rolling.finish().await
    }
}

impl Rolling {
    async fn look(&mut self) -> Result<(), WorkerError> {
        let news: Vec<_> = self.running.iter_mut().filter_map(|(n, one)| Some((*n, one.seen()?))).collect();
        for (generation, seen) in news {
            self.handle(RollEvent::Seen { generation, seen }).await?;
        }
        Ok(())
    }

    async fn handle(&mut self, event: RollEvent) -> Result<(), WorkerError> {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let commands = self.roll.apply(event, self.clock.now_ms());
            for (number, slots) in self.roll.slots_by_generation() {
                if let Some(running) = self.running.get(&number) {
                    running.slots.set(slots);
                }
            }
            let kept = self.roll.kept();
            self.kept
                .write(kept)
                .map_err(|source| WorkerError::Left { path: self.kept.path().to_owned(), source })?;
            for command in commands {
                self.perform(command).await?;
            }
            self.show();
        }
        Ok(())
    }

    async fn perform(&mut self, command: RollCommand) -> Result<(), WorkerError> {
        match command {
            RollCommand::Start { generation, place, slots } => self.start(generation, &place, slots, false),
            RollCommand::Resume { generation, place, slots } => self.start(generation, &place, slots, true),
            RollCommand::MoveCode { generation, publication } => {
                let Some(running) = self.running.get(&generation) else { return Ok(()) };
                if let Some(code) = &running.code {
                    match code.move_to(&publication) {
                        Ok(()) => {
                            tracing::info!(worker = running.node, %publication, "new code, same environment");
                        }
                        Err(error) => {
                            tracing::error!(error = crate::chain(&error), "the worker keeps its old code");
                        }
                    }
                }
            }
            RollCommand::Drain { generation, request } => self.drain(generation, request),
            RollCommand::Stop { generation } => {
                if let Some(running) = self.running.get(&generation) {
                    tracing::info!(worker = running.node, "no longer needed: ends after its tasks");
                    running.stop();
                }
            }
            RollCommand::Shrink { generation, by } => {
                self.ask(generation, |link, node| pool::shrink(link, node, generation, by));
            }
            RollCommand::Grow { generation, by } => {
                self.ask(generation, |link, node| pool::grow(link, node, generation, by));
            }
            RollCommand::Count { generation } => {
                self.ask(generation, |link, node| pool::count(link, node, generation));
            }
            RollCommand::Persist(record) => {
                let file = self.worker.record.clone();
                // A lost blocking task means that the runtime ends, and the process with it.
                if let Ok(written) = tokio::task::spawn_blocking(move || file.write(&record)).await {
                    written?;
                }
            }
            RollCommand::ReportServing { generation, place, took_ms } => {
                let environment = name(place.environment);
                tracing::info!(generation, publication = %place.publication, environment, took_ms, "takes tasks now");
            }
            RollCommand::ReportRefused { place, reason } => {
                metrics::counter!("updraft_agent_refused_environments_total").increment(1);
                let environment = name(place.environment);
                tracing::error!(
                    publication = %place.publication, environment, reason,
                    "the worker does not run in the new environment and stays in the old one"
                );
            }
            RollCommand::Finish => self.finished = true,
        }
        Ok(())
    }

    fn start(&mut self, generation: u32, place: &Place, slots: u32, resumed: bool) {
        let environment_name = name(place.environment);
        tracing::info!(
            generation, publication = %place.publication, environment = environment_name, slots, resumed,
            "supervising a worker process"
        );
        let running = self.worker.start_generation(generation, place, slots, resumed, &mut self.supervised);
        self.running.insert(generation, running);
    }

    fn drain(&mut self, generation: u32, drain: DrainRequest) {
        let Some(running) = self.running.get(&generation) else { return };
        let (answer, _) = oneshot::channel();
        if let Err(error) = running.requests.try_send(Request { drain, answer }) {
            // Its supervision has just ended, or it takes no requests for a long time: its drain is asked again
            // by nobody, but a stop still reaches it.
            tracing::error!(worker = running.node, %error, "a generation does not take requests");
        }
    }

    fn ask<F>(&mut self, generation: u32, call: impl FnOnce(Option<Arc<BrokerLink>>, String) -> F)
    where
        F: Future<Output = RollEvent> + Send + 'static,
    {
        if let Some(running) = self.running.get(&generation) {
            self.answers.spawn(call(self.worker.link.clone(), running.node.clone()));
        }
    }

    fn ended(&mut self, (generation, result): Ended) -> RollEvent {
        if let Some(running) = self.running.remove(&generation)
            && let Some(code) = running.code
        {
            code.remove();
        }
        let failure = result.err().map(|error| {
            let reason = crate::chain(&error);
            self.failure = Some(error);
            reason
        });
        RollEvent::Ended { generation, failure }
    }

    fn status(&self) -> WorkerStatus {
        self.roll.status(&self.worker.node)
    }

    fn show(&self) {
        let status = self.status();
        let unready = match status.state {
            WorkerState::Ready | WorkerState::Draining | WorkerState::Drained => None,
            WorkerState::Starting => Some("the worker starts"),
            WorkerState::Stopped | WorkerState::Failed => Some("the worker has ended"),
        };
        unready.map_or_else(|| self.worker.ready.ready(), |reason| self.worker.ready.not_ready(reason));
        self.worker.status.send_if_modified(|shown| {
            if *shown == status {
                return false;
            }
            if shown.state != status.state {
                tracing::info!(worker = status.worker, from = ?shown.state, to = ?status.state, "worker state, all generations");
            }
            *shown = status;
            true
        });
    }

    async fn finish(mut self) -> Result<(), WorkerError> {
        end_all(pids_below_agent, LEFTOVER_GRACE).await;
        self.answers.shutdown().await;
        if self.status().state == WorkerState::Failed {
            let reason = self.status().reason.unwrap_or_default();
            return Err(self.failure.unwrap_or(WorkerError::Start { reason }));
        }
        self.worker.record.forget();
        self.kept.forget();
        Ok(())
    }
}

/// The next publication that is usable here.
async fn wanted(followed: &mut watch::Receiver<Followed>) -> Place {
    loop {
        if followed.changed().await.is_err() {
            // Nobody follows any more: the agent ends.
            std::future::pending::<()>().await;
        }
        let followed = followed.borrow_and_update();
        let Some((publication, ready)) = &followed.current else { continue };
        let environment = ready.environment.as_ref().map(|environment| environment.id);
        return Place { publication: publication.clone(), environment };
    }
}

fn name(environment: Option<EnvId>) -> String {
    environment.map_or_else(|| "base".to_owned(), |environment| environment.short())
}
