//! Tasks of Airflow 2: their logs are looked for, and they survive a worker that died.

use std::time::{Duration, SystemTime};

use agent_logs::Shipper;
use domain::TaskCommand;
use tokio::time::Instant;

use super::Driver;
use crate::usage::Event as UsageEvent;
use crate::worker::command_lines::Commanded;
use crate::worker::tasks::Task;
use crate::worker::titles::running_tasks;

/// Between two looks at tasks that have outlived their worker.
const EVERY: Duration = Duration::from_millis(500);

impl Driver {
    /// A task begins whose log is not known yet.
    pub(super) fn commanded(&mut self, commanded: Commanded) {
        self.measure(UsageEvent::begun(commanded.identity(), self.pid()));
        self.worker.command_logs.begun(commanded, SystemTime::now());
    }

    /// Ships logs that have appeared, and finishes those of orphans that have ended.
    pub(super) fn look_for_logs(&mut self) {
        for task in self.worker.command_logs.look() {
            self.begun(task);
        }
        if self.orphans.is_empty() {
            return;
        }
        let running = running_tasks(&self.worker.family.processes());
        let orphans = std::mem::take(&mut self.orphans);
        for task in orphans {
            if running.contains(&work_id(&task)) {
                self.orphans.push(task);
            } else {
                self.ship(&task, Shipper::finish);
            }
        }
    }

    /// The worker has ended: what still runs without it is watched on, everything else is lost.
    pub(super) fn lose_tasks(&mut self) {
        for task in self.worker.command_logs.drain() {
            self.begun(task);
        }
        let running = running_tasks(&self.worker.family.processes());
        for task in self.names.drain() {
            if running.contains(&work_id(&task)) {
                tracing::warn!(%task, "runs on without its worker");
                self.orphans.push(task);
            } else {
                self.ship(&task, Shipper::lost);
            }
        }
    }

    /// Orphans run to their end, or to the drain deadline.
    pub(super) async fn wait_for_orphans(&mut self, deadline: Instant) {
        while Instant::now() < deadline && !running_tasks(&self.worker.family.processes()).is_empty() {
            self.look_for_logs();
            tokio::time::sleep(EVERY).await;
        }
        for task in std::mem::take(&mut self.orphans) {
            self.ship(&task, Shipper::finish);
        }
    }
}

/// As processes of Airflow 2 name it.
fn work_id(task: &Task) -> String {
    let identity = &task.identity;
    let command = TaskCommand {
        dag_id: identity.dag_id.clone(),
        task_id: identity.task_id.clone(),
        run_id: identity.run_id.clone(),
        map_index: identity.map_index,
    };
    command.to_string()
}
