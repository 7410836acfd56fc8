//! One pool: look, decide, act, again and again.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autoscaler_plan::{Action, Facts, Plan, plan};
use broker::Broker;
use daemon::CancellationToken;
use daemon::health::{Component, Heartbeat};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::unix_ms;
use crate::fleet::{Fleet, FleetError};
use crate::meter;
use crate::observe::{Heard, demand};
use crate::settings::Pool;
use crate::snapshot::Snapshot;

/// The snapshot is written at least so often, so that its age tells whether the loop turns.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(2);

/// What a pool's loop needs from outside.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    /// Where state is kept.
    pub(crate) state_dir: PathBuf,
    /// Time between two looks.
    pub(crate) tick: Duration,
    /// The broker.
    pub(crate) broker: Broker,
    /// What workers say about themselves.
    pub(crate) heard: Heard,
    /// Whether workers are drained and stopped when the autoscaler ends.
    pub(crate) stop_workers: bool,
}

/// One pool's loop.
pub(crate) struct PoolLoop {
    fleet: Fleet,
    surroundings: Arc<Surroundings>,
    snapshot: Snapshot,
    written: Instant,
    broker_silent: bool,
    child_ended: Signal,
    health: Component,
    heartbeat: Heartbeat,
}

impl PoolLoop {
    /// Opens the pool's state and adopts its workers.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub(crate) fn open(
        pool: Pool,
        surroundings: Arc<Surroundings>,
        health: Component,
        heartbeat: Heartbeat,
    ) -> Result<Self, LoopError> {
        let policy = pool.policy.clone();
        let fleet = Fleet::open(pool, &surroundings.state_dir)?;
        let name = &fleet.pool().name;
        let last = Snapshot::read(fleet.directory()).map_err(LoopError::Snapshot)?;
        let mut snapshot = last.unwrap_or_else(|| Snapshot::new(name, &policy));
        snapshot.policy = policy;
        // Nobody looked while no autoscaler ran.
        snapshot.state.blind = true;
        let child_ended = signal(SignalKind::child()).map_err(LoopError::Signal)?;
        let written = Instant::now();
        Ok(Self {
            fleet,
            surroundings,
            snapshot,
            written,
            broker_silent: false,
            child_ended,
            health,
            heartbeat,
        })
    }

    /// Runs until told to stop.
    ///
    /// # Errors
    /// When the state on disk can no longer be kept.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), LoopError> {
        let mut ticks = interval(self.surroundings.tick);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let heard = self.surroundings.heard.clone();
        self.fleet.greet().await;
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                _ = ticks.tick() => {}
                () = heard.changed() => {}
                _ = self.child_ended.recv() => {}
            }
            self.turn().await?;
        }
        if self.surroundings.stop_workers {
            self.wind_down(&mut ticks).await?;
        }
        Ok(())
    }

    async fn turn(&mut self) -> Result<(), LoopError> {
        let started = Instant::now();
        let ended = self.fleet.reap()?;
        let facts = self.observe(ended.crashed).await;
        let now_ms = unix_ms();
        let plan = plan(&facts, &self.snapshot.policy, &mut self.snapshot.state, now_ms);
        self.snapshot.counters.crashed += u64::from(ended.crashed);
        self.snapshot.counters.restarted += u64::from(ended.restarted);
        self.enact(&plan)?;
        self.publish(facts, plan, now_ms)?;
        meter::turn(&self.snapshot, started.elapsed());
        self.heartbeat.beat();
        Ok(())
    }

    async fn observe(&mut self, crashed: u32) -> Facts {
        let broker = self.surroundings.broker.clone();
        let queues = self.fleet.pool().queues.clone();
        // Workers first: a task that is taken in between then shows in flight, and counts once.
        self.fleet.look().await;
        let demand = demand(&broker, &queues).await;
        self.surroundings.heard.measure(self.fleet.nodes(), &mut self.snapshot.service);
        let silent = demand.is_err();
        if silent != self.broker_silent {
            let pool = &self.fleet.pool().name;
            if let Err(error) = &demand {
                let cause = std::error::Error::source(error).map(ToString::to_string);
                tracing::warn!(pool, %error, cause, "holding: all workers stay as they are");
            } else {
                tracing::info!(pool, "the broker answers again");
            }
            self.broker_silent = silent;
        }
        if silent {
            self.health.not_ready("the broker does not answer");
        } else {
            self.health.ready();
        }
        Facts {
            demand: demand.ok(),
            workers: self.fleet.facts(),
            crashed,
            service_ms: self.snapshot.service.estimate_ms(),
        }
    }

    fn enact(&mut self, plan: &Plan) -> Result<(), LoopError> {
        if !plan.actions.is_empty() {
            let why: Vec<String> = plan.reasons.iter().map(ToString::to_string).collect();
            tracing::info!(
                pool = self.fleet.pool().name,
                wanted = plan.wanted,
                why = why.join("; "),
                "decided"
            );
        }
        let counters = &mut self.snapshot.counters;
        for action in &plan.actions {
            match action {
                Action::Undrain { worker } => {
                    self.fleet.undrain(worker)?;
                    counters.undrained += 1;
                }
                Action::Drain { worker } => {
                    self.fleet.drain(worker)?;
                    counters.drained += 1;
                }
                Action::Stop { worker, lossy } => {
                    if *lossy {
                        let pool = &self.fleet.pool().name;
                        tracing::error!(pool, worker, "the drain is over its limit, running tasks are lost");
                        counters.overdue += 1;
                    }
                    self.fleet.stop(worker)?;
                }
                Action::Start { count } => {
                    for _ in 0..*count {
                        match self.fleet.start() {
                            Ok(_) => counters.started += 1,
                            Err(error @ FleetError::Start { .. }) => {
                                let cause = std::error::Error::source(&error).map(ToString::to_string);
                                tracing::error!(pool = self.fleet.pool().name, %error, cause, "no worker started");
                                counters.crashed += 1;
                                // Counts as a crash, so that the next attempt waits.
                                self.snapshot.state.failures = self.snapshot.state.failures.saturating_add(1);
                                self.snapshot.state.crashed_ms = Some(unix_ms());
                                break;
                            }
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn publish(&mut self, facts: Facts, plan: Plan, now_ms: u64) -> Result<(), LoopError> {
        let changed =
            plan.actions != self.snapshot.plan.actions || facts.workers != self.snapshot.facts.workers;
        self.snapshot.take(facts, plan, now_ms);
        if changed || self.written.elapsed() >= SNAPSHOT_EVERY {
            self.snapshot.write(self.fleet.directory()).map_err(LoopError::Snapshot)?;
            self.written = Instant::now();
        }
        Ok(())
    }

    /// Drains and stops every worker; the supervisor's deadline bounds it.
    async fn wind_down(&mut self, ticks: &mut tokio::time::Interval) -> Result<(), LoopError> {
        let names: Vec<String> = self.fleet.facts().into_iter().map(|worker| worker.name).collect();
        for name in names {
            self.fleet.drain(&name)?;
        }
        while !self.fleet.is_empty() {
            ticks.tick().await;
            self.heartbeat.beat();
            self.fleet.reap()?;
            self.fleet.look().await;
            for worker in self.fleet.facts() {
                use autoscaler_plan::Phase::{Drained, Failed};
                if matches!(worker.phase, Drained | Failed) {
                    self.fleet.stop(&worker.name)?;
                }
            }
        }
        Ok(())
    }
}

/// Why a pool's loop ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LoopError {
    /// The fleet's state cannot be kept.
    #[error("the pool's workers cannot be kept track of")]
    Fleet(#[from] FleetError),
    /// The snapshot cannot be read or written.
    #[error("the pool's snapshot cannot be kept")]
    Snapshot(#[source] std::io::Error),
    /// No notice of children that end.
    #[error("SIGCHLD cannot be listened to")]
    Signal(#[source] std::io::Error),
}
