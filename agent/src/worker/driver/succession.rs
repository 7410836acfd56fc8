//! An agent after one that was killed: it takes over the worker that runs on, or what is left of it.

use std::collections::BTreeSet;
use std::time::Duration;

use agent_core::{DrainRecord, Event};

use super::{Answer, Driver, WorkerError};
use crate::process::{Handle, descendants};
use crate::usage::Event as UsageEvent;
use crate::worker::command_lines::Commanded;
use crate::worker::running::{Left, Running};
use crate::worker::tasks::Task;

/// Between two questions to an adopted worker what it runs, until it answers.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Processes of an earlier worker that are named one by one.
const LEFTOVERS_NAMED: usize = 20;

impl Driver {
    /// Takes over what an earlier agent left: its worker, or what is to be told about its end.
    pub(super) async fn succeed(&mut self, record: Option<DrainRecord>) -> Result<Event, WorkerError> {
        let running = self.worker.running.clone();
        let failed = |source| WorkerError::Left { path: running.path().to_owned(), source };
        let left = running.left().map_err(failed)?;
        if matches!(left, Left::Nothing) {
            return Ok(Event::Begun { record });
        }
        self.worker.family.inherit(&running.path().display().to_string());
        let tail = running.spool.tail().map_err(failed)?;
        self.read_output(tail);
        if let Left::Worker(known, process) = left {
            return Ok(self.adopt(&known, *process, record));
        }
        tracing::warn!("the agent before this one was killed, and its worker too");
        self.last_lines().await;
        running.forget();
        self.tell_leftovers(None);
        Ok(Event::Begun { record })
    }

    fn adopt(&mut self, known: &Running, process: Handle, record: Option<DrainRecord>) -> Event {
        tracing::warn!(
            pid = process.pid(),
            worker = known.node,
            "the agent before this one was killed: its worker is adopted, its tasks go on"
        );
        if let Some(ticks) = known.start_ticks {
            self.worker.family.adopt(process.pid(), ticks);
        }
        self.measure(UsageEvent::WorkerStarted { pid: process.pid() });
        self.tell_leftovers(Some(process.pid()));
        self.process = Some(process);
        self.generation += 1;
        self.ended_meanwhile = Some(BTreeSet::new());
        let control = self.worker.control.clone();
        if control.has_control() {
            self.answers.spawn(async move {
                loop {
                    if let Some((tasks, commanded)) = control.tasks().await {
                        return Answer::Learned(tasks, commanded);
                    }
                    tokio::time::sleep(ASK_AGAIN).await;
                }
            });
        }
        Event::Resumed { record, queues: known.queues() }
    }

    /// Names what tasks of an earlier agent's worker left behind.
    pub(super) fn tell_leftovers(&self, worker: Option<u32>) {
        let of_worker: BTreeSet<u32> =
            worker.iter().flat_map(|pid| descendants(*pid, 0)).map(|process| process.pid).collect();
        let left = self.worker.family.processes();
        let left: Vec<_> = left.iter().filter(|process| !of_worker.contains(&process.pid)).collect();
        for process in left.iter().take(LEFTOVERS_NAMED) {
            tracing::warn!(
                pid = process.pid,
                title = process.title,
                "left behind by a task of a killed worker"
            );
        }
        if left.len() > LEFTOVERS_NAMED {
            tracing::warn!(more = left.len() - LEFTOVERS_NAMED, "left behind by tasks of a killed worker");
        }
    }

    /// The tasks of an adopted worker, as it names them.
    pub(super) fn learned(&mut self, tasks: Vec<Task>, commanded: Vec<Commanded>) {
        let ended = self.ended_meanwhile.take().unwrap_or_default();
        for task in tasks {
            if !ended.contains(&task.id) && !self.names.knows(&task.id) {
                tracing::info!(%task, "goes on in the adopted worker");
                self.begun(task);
            }
        }
        for task in commanded {
            if !ended.contains(&task.celery_id) && !self.names.knows(&task.celery_id) {
                tracing::info!(task = %task.command, "goes on in the adopted worker");
                self.commanded(task);
            }
        }
    }
}
