use std::path::{Path, PathBuf};

use agent_core::State;
use agent_core::rolling::{Place, Seen};
use daemon::CancellationToken;
use daemon::health::Health;
use domain::control::{WorkerState, WorkerStatus};
use domain::worker_node::generation_node;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::{RollingWorker, command};
use crate::place::inside;
use crate::process::{Family, MARK, PoolSlots, Program};
use crate::volume::CodeLink;
use crate::worker::{CommandLogs, Control, RecordFile, Request, RunningFile, Worker, WorkerError};

/// Requests that wait: a life cycle takes them within a moment.
const REQUESTS: usize = 16;

/// How a generation's supervision ended.
pub(super) type Ended = (u32, Result<(), WorkerError>);

/// A supervised worker process.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) node: String,
    /// Its code; absent where Airflow brings code to tasks by itself.
    pub(super) code: Option<CodeLink>,
    pub(super) slots: PoolSlots,
    pub(super) requests: mpsc::Sender<Request>,
    stop: CancellationToken,
    status: watch::Receiver<WorkerStatus>,
}

impl Running {
    /// What its life cycle says, if that is new.
    pub(super) fn seen(&mut self) -> Option<Seen> {
        if !self.status.has_changed().unwrap_or(true) {
            return None;
        }
        let status = self.status.borrow_and_update();
        Some(Seen {
            state: status.state,
            active: status.active,
            reserved: status.reserved,
            // Only a start after a death has a reason.
            died: status.state == WorkerState::Starting && status.reason.is_some(),
        })
    }

    pub(super) fn stop(&self) {
        self.stop.cancel();
    }
}

impl RollingWorker {
    /// Starts the supervision of a generation; its process too, unless an earlier agent left it running.
    pub(super) fn start_generation(
        &self,
        generation: u32,
        place: &Place,
        slots: u32,
        resumed: bool,
        supervised: &mut JoinSet<Ended>,
    ) -> Running {
        let node = generation_node(&self.node, generation);
        let folder = self.folder.join(format!("g{generation}"));
        let slots = PoolSlots::new(slots);
        let code = self.code(folder.join("dags"));
        let running = self.running_file(generation);
        let environment = place.environment.map(|id| self.volume.environment(id));
        let mut program = self.program(generation, environment.as_deref(), code.as_ref(), slots.clone());
        program.variables.insert(MARK.to_owned(), Some(running.path().as_os_str().to_owned()));
        if let Some(code) = code.as_ref().filter(|_| !resumed)
            && let Err(error) = code.move_to(&place.publication)
        {
            // Its tasks would fail; the worker itself says so too. The next publication moves the link again.
            tracing::error!(worker = node, error = crate::chain(&error), "a generation has no code");
        }
        let policy = self.policy.clone();
        let (status, statuses) = watch::channel(State::new(policy.clone(), 0).status(&node));
        let (requests, taken) = mpsc::channel(REQUESTS);
        let family = Family::of_one_worker();
        // No record of an earlier agent's generation of the same number counts.
        let record = RecordFile::new(folder.join("drain.json"), false);
        if !resumed {
            record.forget();
        }
        let worker = Worker {
            program,
            node: node.clone(),
            control: Control::new(self.link.clone(), node.clone(), family.clone(), self.usage.clone()),
            record,
            running,
            adopted: self.adopted.clone(),
            command_logs: CommandLogs::new(self.base_log_folder.clone(), family.clone()),
            family,
            policy,
            status,
            // What probes see is the state of the whole.
            ready: Health::new().component("worker"),
            logs: self.logs.clone(),
            usage: self.usage.clone(),
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        // The environment stays on the volume as long as this generation lives.
        let held = environment.as_deref().and_then(|root| depcache::environment::hold(root).ok().flatten());
        supervised.spawn(async move {
            let _held = held;
            (generation, worker.supervise(taken, stopped).await)
        });
        Running { node, code, slots, requests, stop, status: statuses }
    }

    /// Where a generation's process is written down.
    pub(super) fn running_file(&self, generation: u32) -> RunningFile {
        RunningFile::at(self.folder.join(format!("g{generation}/worker.json")))
    }

    fn code(&self, path: PathBuf) -> Option<CodeLink> {
        let subdir = self.dags_subdir.as_deref()?;
        Some(CodeLink::new(&self.volume, &self.repository, path, subdir))
    }

    fn program(
        &self,
        generation: u32,
        environment: Option<&Path>,
        code: Option<&CodeLink>,
        slots: PoolSlots,
    ) -> Program {
        let mut variables = self.variables.clone();
        if let Some(environment) = environment {
            variables.extend(inside(environment, std::env::var_os("PATH")));
        }
        if let Some(code) = code {
            let path = Some(code.path().as_os_str().to_owned());
            variables.insert("AIRFLOW__CORE__DAGS_FOLDER".to_owned(), path);
        }
        // Without an environment the base's own program is started where it was named.
        let scripts = environment.map_or_else(PathBuf::new, |_| self.scripts.clone());
        let command = command::of_generation(&self.command, &self.node, generation, &scripts);
        Program { command, variables, slots: Some(slots) }
    }
}
