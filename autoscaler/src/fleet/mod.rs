//! The workers of one pool as child processes: start, watch, drain, stop, adopt.
//!
//! Invariants:
//! - A record is on disk before its process exists, and goes after the process has gone: an autoscaler that is
//!   killed at any point finds every worker again and starts none twice.
//! - Only the agent gets a signal, and only SIGTERM; tasks are its business.
//! - An agent that was killed is started again under the same name, socket and state: its worker and tasks run on, and
//!   it takes them over. Until then the worker counts as there, so that none is started beside it.

mod agent;
mod error;
mod life;
mod names;
pub(crate) mod process;
mod record;
mod worker;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use autoscaler_plan::Worker;
use futures::future::join_all;

#[doc(hidden)] // for the tests' fake agent
pub use crate::clock::unix_ms;
use crate::settings::Pool;
pub use agent::{Agent, AgentError};
pub use error::FleetError;
pub use process::{Lock, lock};
pub use record::Record;
pub(crate) use record::write_quickly;
use worker::Member;

/// Looks at adopted workers before the first decision.
const GREETINGS: u32 = 10;
/// Pause between two of them.
const GREETING_PAUSE: Duration = Duration::from_millis(200);
/// Folder of the records within a pool's folder.
const WORKERS: &str = "workers";

/// What ended since the last look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ended {
    /// Workers that had been told to.
    pub stopped: u32,
    /// Workers that had not, and are gone.
    pub crashed: u32,
    /// Agents that were killed and are started again under their names.
    pub restarted: u32,
}

/// The workers of one pool.
#[derive(Debug)]
pub struct Fleet {
    pool: Pool,
    directory: PathBuf,
    members: BTreeMap<String, Member>,
    last_id: u64,
}

impl Fleet {
    /// Opens a pool's folder and adopts the workers that run.
    ///
    /// # Errors
    /// When a record cannot be read: starting beside unknown workers could double them.
    pub fn open(pool: Pool, state_dir: &Path) -> Result<Self, FleetError> {
        let directory = state_dir.join(&pool.name);
        let failed = |step| {
            let path = directory.clone();
            move |source| FleetError::State { step, path, source }
        };
        fs::create_dir_all(&directory).map_err(failed("creating the pool's folder"))?;
        let records = Record::read_all(&workers_directory(&directory)?).map_err(failed("reading records"))?;
        let mut fleet = Self { pool, directory: directory.clone(), members: BTreeMap::new(), last_id: 0 };
        for mut record in records {
            if record.pid.is_none()
                && let Some((pid, ticks)) = process::find(&record.socket.display().to_string())
            {
                (record.pid, record.start_ticks) = (Some(pid), Some(ticks));
            }
            let name = record.worker.clone();
            let mut member = Member::new(record)?;
            match member.ended() {
                None => {
                    tracing::info!(pool = fleet.pool.name, worker = name, pid = member.record.pid, "adopted");
                    fleet.write(&member.record)?;
                    fleet.members.insert(name, member);
                }
                Some(end) if end.killed => {
                    tracing::warn!(
                        pool = fleet.pool.name,
                        worker = name,
                        "its agent was killed; it is started again"
                    );
                    (member.record.pid, member.record.start_ticks) = (None, None);
                    member.record.restart_at_ms = Some(unix_ms());
                    fleet.write(&member.record)?;
                    fleet.members.insert(name, member);
                }
                Some(_) => fleet.remove(&member.record)?,
            }
        }
        Ok(fleet)
    }

    /// The workers that run, only to look at: nothing is written.
    ///
    /// # Errors
    /// When a record cannot be read.
    pub fn view(pool: Pool, state_dir: &Path) -> Result<Self, FleetError> {
        let directory = state_dir.join(&pool.name);
        let mut fleet = Self { pool, directory, members: BTreeMap::new(), last_id: 0 };
        let records = match Record::read_all(&fleet.directory.join(WORKERS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            records => records.map_err(|source| FleetError::State {
                step: "reading records",
                path: fleet.directory.clone(),
                source,
            })?,
        };
        for record in records {
            let mut member = Member::new(record)?;
            if member.ended().is_none() {
                fleet.members.insert(member.record.worker.clone(), member);
            }
        }
        Ok(fleet)
    }

    /// The pool it serves.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// The folder of its state.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Workers that live.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether none lives.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Starts one worker.
    ///
    /// # Errors
    /// When its record cannot be written or its command not be started.
    pub fn start(&mut self) -> Result<String, FleetError> {
        let now_ms = unix_ms();
        self.last_id = now_ms.max(self.last_id + 1);
        let id = names::base36(self.last_id);
        let worker = format!("{}-{id}", self.pool.name);
        let socket = self.directory.join(format!("{id}.sock"));
        let log = self.directory.join(format!("{id}.log"));
        let mut member = Member::new(Record::new(worker.clone(), socket, log, now_ms))?;
        self.write(&member.record)?;
        match self.launch(&mut member) {
            Ok(()) => {
                tracing::info!(pool = self.pool.name, worker, pid = member.record.pid, "started");
                let written = self.write(&member.record);
                self.members.insert(worker.clone(), member);
                written.map(|()| worker)
            }
            Err(error) => {
                self.remove(&member.record)?;
                Err(error)
            }
        }
    }

    /// Asks every agent how it is, and again for what it has not confirmed yet.
    pub async fn look(&mut self) {
        let calls = self.members.iter().map(|(name, member)| {
            let (name, agent, request) = (name.clone(), member.agent.clone(), member.unconfirmed());
            async move {
                let answer = match request {
                    Some(request) => agent.drain(&request).await,
                    None => agent.status().await,
                };
                (name, answer)
            }
        });
        let answers = join_all(calls.collect::<Vec<_>>()).await;
        let now_ms = unix_ms();
        for (name, answer) in answers {
            let Some(member) = self.members.get_mut(&name) else { continue };
            match answer {
                Ok(status) => {
                    member.heard(status, now_ms);
                    member.tell_to_end_again();
                }
                Err(error) => tracing::debug!(pool = self.pool.name, worker = name, %error, "no answer"),
            }
        }
    }

    /// Looks until every adopted worker has answered once, for a bounded time: nothing should be decided
    /// while most of the workers are unknown.
    pub async fn greet(&mut self) {
        for _ in 0..GREETINGS {
            self.look().await;
            if self.members.values().all(|member| member.said.is_some()) {
                return;
            }
            tokio::time::sleep(GREETING_PAUSE).await;
        }
    }

    /// Asks a worker to take nothing new. The request is repeated until the agent confirms it.
    ///
    /// # Errors
    /// When the record cannot be written.
    pub fn drain(&mut self, worker: &str) -> Result<(), FleetError> {
        self.ask(worker, Some(unix_ms()))
    }

    /// Takes a drain back.
    ///
    /// # Errors
    /// As [`Fleet::drain`].
    pub fn undrain(&mut self, worker: &str) -> Result<(), FleetError> {
        self.ask(worker, None)
    }

    fn ask(&mut self, worker: &str, drain_asked_ms: Option<u64>) -> Result<(), FleetError> {
        let Some(member) = self.members.get_mut(worker) else { return Ok(()) };
        member.record.drain_epoch += 1;
        member.record.drain_asked_ms = drain_asked_ms;
        let record = member.record.clone();
        self.write(&record)
    }

    /// Tells a worker's agent to end.
    ///
    /// # Errors
    /// When the record cannot be written or the signal not be sent.
    pub fn stop(&mut self, worker: &str) -> Result<(), FleetError> {
        let Some(member) = self.members.get_mut(worker) else { return Ok(()) };
        member.record.stopping_ms = Some(unix_ms());
        let record = member.record.clone();
        self.write(&record)?;
        if let (Some(pid), Some(ticks)) = (record.pid, record.start_ticks) {
            let failed =
                |source| FleetError::State { step: "ending an agent", path: self.directory.clone(), source };
            process::terminate(pid, ticks).map_err(failed)?;
        }
        Ok(())
    }

    /// The workers as planning sees them.
    pub fn facts(&self) -> Vec<Worker> {
        let now_ms = unix_ms();
        self.members.values().map(|member| member.facts(now_ms)).collect()
    }

    /// Celery node names of the workers that told theirs.
    pub fn nodes(&self) -> impl Iterator<Item = &str> {
        self.members.values().filter_map(Member::node)
    }

    fn write(&self, record: &Record) -> Result<(), FleetError> {
        let failed =
            |source| FleetError::State { step: "writing a record", path: self.directory.clone(), source };
        record.write(&workers_directory(&self.directory)?).map_err(failed)
    }

    fn forget(&self, record: &Record) -> Result<(), FleetError> {
        let failed =
            |source| FleetError::State { step: "forgetting a record", path: self.directory.clone(), source };
        record.forget(&workers_directory(&self.directory)?).map_err(failed)
    }

    fn remove(&self, record: &Record) -> Result<(), FleetError> {
        let failed =
            |source| FleetError::State { step: "removing a record", path: self.directory.clone(), source };
        record.remove(&workers_directory(&self.directory)?).map_err(failed)
    }
}

fn workers_directory(directory: &Path) -> Result<PathBuf, FleetError> {
    let path = directory.join(WORKERS);
    fs::create_dir_all(&path).map_err(|source| FleetError::State {
        step: "creating the folder of records",
        path: path.clone(),
        source,
    })?;
    Ok(path)
}
