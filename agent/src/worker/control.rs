use std::collections::BTreeSet;
use std::sync::Arc;

use agent_core::{ControlFacts, Event as CoreEvent, Sample};
use broker::Pidbox;
use broker::pidbox::TaskRow;

use super::command_lines::Commanded;
use super::tasks::Task;
use super::titles::running_tasks;
use crate::link::BrokerLink;
use crate::process::Family;
use crate::usage::{Event, Usage};

/// Looks at the worker and changes what it consumes.
#[derive(Debug, Clone)]
pub struct Control {
    link: Option<Arc<BrokerLink>>,
    node: String,
    family: Family,
    usage: Option<Arc<Usage>>,
}

impl Control {
    /// Control of the worker `node`; without a broker only the process tree is looked at. `usage` is told what
    /// the worker runs.
    pub fn new(
        link: Option<Arc<BrokerLink>>,
        node: String,
        family: Family,
        usage: Option<Arc<Usage>>,
    ) -> Self {
        Self { link, node, family, usage }
    }

    /// The worker can be asked.
    pub fn has_control(&self) -> bool {
        self.link.is_some()
    }

    /// What runs at this moment.
    pub async fn sample(&self) -> Sample {
        let control = match self.ask().await {
            Ok(facts) => facts,
            Err(error) => {
                tracing::debug!(worker = self.node, %error, "the worker was not asked");
                None
            }
        };
        // After the worker's answer: a task that was just taken is in one of the two.
        let running = running_tasks(&self.family.processes());
        Sample { control, running }
    }

    /// The tasks that the worker says it runs, by name and log, and those of Airflow 2, whose log is to be looked for;
    /// `None`: it was not asked or does not answer.
    pub async fn tasks(&self) -> Option<(Vec<Task>, Vec<Commanded>)> {
        let answer = async {
            let Some(pidbox) = self.pidbox().await? else { return Ok(None) };
            pidbox.active().await?.only().map(Some)
        };
        match answer.await {
            Ok(rows) => rows.map(|rows| {
                let commanded = rows.iter().filter_map(Commanded::of).collect();
                (rows.iter().filter_map(Task::of).collect(), commanded)
            }),
            Err(error) => {
                let error: broker::Error = error;
                tracing::debug!(worker = self.node, %error, "the worker was not asked for its tasks");
                None
            }
        }
    }

    async fn ask(&self) -> Result<Option<ControlFacts>, broker::Error> {
        let Some(pidbox) = self.pidbox().await? else { return Ok(None) };
        let (active, reserved) = tokio::join!(pidbox.active(), pidbox.reserved());
        let active = active?.only()?;
        for event in active.iter().filter_map(attempt) {
            if let Some(usage) = &self.usage {
                usage.tell(event);
            }
        }
        let active = active.iter().map(TaskRow::work_id).collect();
        let reserved = u32::try_from(reserved?.only()?.len()).unwrap_or(u32::MAX);
        Ok(Some(ControlFacts { active, reserved }))
    }

    /// Cancels the consumers of every queue and sees that none is left.
    pub async fn cancel_consumers(&self) -> CoreEvent {
        let mut cancelled = Vec::new();
        match self.try_cancel(&mut cancelled).await {
            Ok(true) => CoreEvent::ConsumersCancelled { queues: cancelled },
            Ok(false) => CoreEvent::ConsumersFailed { cancelled },
            Err(error) => {
                tracing::warn!(worker = self.node, %error, hint = error.hint(), "consumers were not cancelled yet");
                CoreEvent::ConsumersFailed { cancelled }
            }
        }
    }

    async fn try_cancel(&self, cancelled: &mut Vec<String>) -> Result<bool, broker::Error> {
        let Some(pidbox) = self.pidbox().await? else { return Ok(false) };
        for queue in pidbox.active_queues().await?.only()? {
            pidbox.cancel_consumer(&queue).await?.only()?;
            cancelled.push(queue);
        }
        Ok(pidbox.active_queues().await?.only()?.is_empty())
    }

    /// Consumes `queues` again and sees that all of them are.
    pub async fn add_consumers(&self, queues: &[String]) -> CoreEvent {
        match self.try_add(queues).await {
            Ok(true) => CoreEvent::ConsumersAdded,
            Ok(false) => CoreEvent::ConsumersFailed { cancelled: Vec::new() },
            Err(error) => {
                tracing::warn!(worker = self.node, %error, hint = error.hint(), "consumers were not added yet");
                CoreEvent::ConsumersFailed { cancelled: Vec::new() }
            }
        }
    }

    async fn try_add(&self, queues: &[String]) -> Result<bool, broker::Error> {
        let Some(pidbox) = self.pidbox().await? else { return Ok(false) };
        for queue in queues {
            pidbox.add_consumer(queue).await?.only()?;
        }
        let now: BTreeSet<_> = pidbox.active_queues().await?.only()?.into_iter().collect();
        Ok(queues.iter().all(|queue| now.contains(queue)))
    }

    async fn pidbox(&self) -> Result<Option<Pidbox>, broker::Error> {
        let Some(link) = &self.link else { return Ok(None) };
        Ok(Some(Pidbox::node(&link.broker().await?, self.node.clone())))
    }
}

/// The attempt that a row of `active` names, with the pool child that runs it.
fn attempt(row: &TaskRow) -> Option<Event> {
    // A callback's row does not say its id: its log line does.
    let identity = match Commanded::of(row) {
        Some(commanded) => commanded.identity(),
        None => Task::of(row)?.identity,
    };
    (!identity.callback).then(|| Event::Active { identity: Box::new(identity), pool_child: row.worker_pid })
}
