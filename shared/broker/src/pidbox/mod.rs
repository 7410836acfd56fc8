//! Celery's remote control with plain Redis commands: 2–7 ms a call, where `celery inspect` takes seconds.
//!
//! A worker answers only while it runs normally: from SIGTERM on it is silent, although its tasks run on.

mod call;
mod reply;

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::{Broker, Error};
pub use reply::{Stats, TaskRow};

/// How long a call waits for replies unless told otherwise. Workers answer within milliseconds.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(1);

/// Remote control of some workers.
#[derive(Debug, Clone)]
pub struct Pidbox {
    broker: Broker,
    /// `None`: everybody.
    nodes: Option<Vec<String>>,
    timeout: Duration,
}

/// What the workers answered, by node name.
#[derive(Debug, Clone)]
pub struct Replies<T> {
    method: &'static str,
    timeout: Duration,
    asked: Option<Vec<String>>,
    /// Connections that got the command; draining workers count, although they answer no more.
    pub receivers: u64,
    /// Answers; `Err` holds the worker's own words.
    pub by_node: BTreeMap<String, Result<T, String>>,
}

impl<T> Replies<T> {
    /// The answer of the one node that was asked.
    ///
    /// # Errors
    /// [`Error::NoReply`] when it did not answer in time, [`Error::Node`] when it answered with an error.
    pub fn only(mut self) -> Result<T, Error> {
        let node = match &self.asked {
            Some(nodes) => nodes.first().cloned(),
            None => self.by_node.keys().next().cloned(),
        }
        .unwrap_or_else(|| "(any)".to_owned());
        match self.by_node.remove(&node) {
            Some(Ok(answer)) => Ok(answer),
            Some(Err(message)) => Err(Error::Node { node, method: self.method, message }),
            None => Err(Error::NoReply {
                node,
                method: self.method,
                timeout_ms: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
            }),
        }
    }
}

impl Pidbox {
    /// One worker. `node` is its Celery node name, `celery@<pod>`.
    pub fn node(broker: &Broker, node: impl Into<String>) -> Self {
        Self { broker: broker.clone(), nodes: Some(vec![node.into()]), timeout: DEFAULT_TIMEOUT }
    }

    /// Some workers.
    pub fn nodes(broker: &Broker, nodes: Vec<String>) -> Self {
        Self { broker: broker.clone(), nodes: Some(nodes), timeout: DEFAULT_TIMEOUT }
    }

    /// Every worker of this database. A call waits until as many have answered as got the command, or for
    /// the whole timeout when one of them is silent.
    pub fn everybody(broker: &Broker) -> Self {
        Self { broker: broker.clone(), nodes: None, timeout: DEFAULT_TIMEOUT }
    }

    /// Waits up to `timeout` for replies.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Asks whether the workers answer.
    ///
    /// # Errors
    /// When the broker does not answer; missing replies are no error, see [`Replies::only`]. So with all calls.
    pub async fn ping(&self) -> Result<Replies<()>, Error> {
        self.call("ping", json!({}), |_| Some(())).await
    }

    /// Tasks that run.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn active(&self) -> Result<Replies<Vec<TaskRow>>, Error> {
        self.call("active", json!({}), reply::tasks).await
    }

    /// Tasks taken from the queue and not yet running.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn reserved(&self) -> Result<Replies<Vec<TaskRow>>, Error> {
        self.call("reserved", json!({}), reply::tasks).await
    }

    /// Queues that the workers consume.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn active_queues(&self) -> Result<Replies<Vec<String>>, Error> {
        self.call("active_queues", json!({}), reply::queue_names).await
    }

    /// Makes the workers stop consuming `queue`. A worker may still take a message within the second that
    /// its current BRPOP lasts.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn cancel_consumer(&self, queue: &str) -> Result<Replies<()>, Error> {
        self.call("cancel_consumer", json!({"queue": queue}), |_| Some(())).await
    }

    /// Makes the workers consume `queue`, again.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn add_consumer(&self, queue: &str) -> Result<Replies<()>, Error> {
        self.call("add_consumer", json!({"queue": queue}), |_| Some(())).await
    }

    /// Pool and counters.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn stats(&self) -> Result<Replies<Stats>, Error> {
        self.call("stats", json!({}), reply::stats).await
    }

    /// Adds `processes` slots to the workers' pools. They appear within some seconds.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn pool_grow(&self, processes: u32) -> Result<Replies<()>, Error> {
        self.call("pool_grow", json!({"n": processes}), |_| Some(())).await
    }

    /// Takes `processes` idle slots from the workers' pools. A worker that has fewer idle ones gives those and
    /// answers with an error all the same. In one call: a second one at once would name the same processes
    /// again, which Celery counts but which end only once.
    ///
    /// # Errors
    /// As [`Pidbox::ping`].
    pub async fn pool_shrink(&self, processes: u32) -> Result<Replies<()>, Error> {
        self.call("pool_shrink", json!({"n": processes}), |_| Some(())).await
    }

    async fn call<T>(
        &self,
        method: &'static str,
        arguments: Value,
        decode: fn(Value) -> Option<T>,
    ) -> Result<Replies<T>, Error> {
        let request = call::Request { method, arguments, nodes: self.nodes.as_deref() };
        let (receivers, answers) = call::run(&self.broker, &request, self.timeout).await?;
        let by_node = answers.into_iter().map(|(node, answer)| (node, reply::read(answer, decode))).collect();
        Ok(Replies { method, timeout: self.timeout, asked: self.nodes.clone(), receivers, by_node })
    }
}
