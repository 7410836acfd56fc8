use std::collections::BTreeSet;
use std::sync::Arc;

use agent_core::{ControlFacts, Event, Sample};
use broker::Pidbox;

use super::titles::running_tasks;
use crate::link::BrokerLink;
use crate::process::Family;

/// Looks at the worker and changes what it consumes.
#[derive(Debug, Clone)]
pub struct Control {
    link: Option<Arc<BrokerLink>>,
    node: String,
    family: Family,
}

impl Control {
    /// Control of the worker `node`; without a broker only its processes are looked at.
    pub fn new(link: Option<Arc<BrokerLink>>, node: String, family: Family) -> Self {
        Self { link, node, family }
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

    async fn ask(&self) -> Result<Option<ControlFacts>, broker::Error> {
        let Some(pidbox) = self.pidbox().await? else { return Ok(None) };
        let (active, reserved) = tokio::join!(pidbox.active(), pidbox.reserved());
        let active = active?.only()?.into_iter().map(|row| row.work_id()).collect();
        let reserved = u32::try_from(reserved?.only()?.len()).unwrap_or(u32::MAX);
        Ok(Some(ControlFacts { active, reserved }))
    }

    /// Cancels the consumers of every queue and sees that none is left.
    pub async fn cancel_consumers(&self) -> Event {
        let mut cancelled = Vec::new();
        match self.try_cancel(&mut cancelled).await {
            Ok(true) => Event::ConsumersCancelled { queues: cancelled },
            Ok(false) => Event::ConsumersFailed { cancelled },
            Err(error) => {
                tracing::warn!(worker = self.node, %error, hint = error.hint(), "consumers were not cancelled yet");
                Event::ConsumersFailed { cancelled }
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
    pub async fn add_consumers(&self, queues: &[String]) -> Event {
        match self.try_add(queues).await {
            Ok(true) => Event::ConsumersAdded,
            Ok(false) => Event::ConsumersFailed { cancelled: Vec::new() },
            Err(error) => {
                tracing::warn!(worker = self.node, %error, hint = error.hint(), "consumers were not added yet");
                Event::ConsumersFailed { cancelled: Vec::new() }
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
