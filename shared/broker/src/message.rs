//! A Celery message as it lies in Redis, as far as Updraft reads it.

use base64::{Engine, engine::general_purpose::STANDARD};
use domain::TaskCommand;
use domain::workload::Workload;
use serde::Deserialize;
use serde_json::Value;

use crate::token;

/// What a message asks a worker to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Airflow 3: `execute_workload`.
    Workload {
        /// The workload.
        workload: Box<Workload>,
        /// When its token ends (Unix seconds); the API server refuses the task afterwards.
        token_expires_s: Option<u64>,
    },
    /// Airflow 2: `execute_command` with the `airflow tasks run …` command line.
    Command(Vec<String>),
    /// Any other Celery task, or a body that is not understood. It occupies a slot all the same.
    Other,
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Celery's id; new when the scheduler sends the same task again.
    pub celery_id: String,
    /// Celery's task name, `execute_workload` on Airflow 3.
    pub task: String,
    /// The work.
    pub job: Job,
}

impl Message {
    /// Decodes the raw bytes of a queue element. `None`: not a Celery message.
    pub fn decode(raw: &[u8]) -> Option<Self> {
        let envelope: Envelope = serde_json::from_slice(raw).ok()?;
        Some(Self::from_envelope(envelope))
    }

    /// Decodes a value of the `unacked` hash: `[message, exchange, routing key]`; also gives the queue.
    pub fn decode_unacked(raw: &[u8]) -> Option<(Self, String)> {
        let (envelope, _exchange, queue): (Envelope, String, String) = serde_json::from_slice(raw).ok()?;
        Some((Self::from_envelope(envelope), queue))
    }

    /// What tells two messages for the same work apart from two works: the task instance's id on Airflow 3
    /// (new with every try), DAG, task, run and map index on Airflow 2.
    pub fn work_key(&self) -> String {
        match &self.job {
            Job::Workload { workload, .. } => match &workload.ti {
                Some(ti) => ti.id.clone(),
                None => self.celery_id.clone(),
            },
            Job::Command(words) => {
                TaskCommand::parse(words).map_or_else(|| words.join("\u{0}"), |command| command.to_string())
            }
            Job::Other => self.celery_id.clone(),
        }
    }

    /// Whether the task's token has ended at `now_s` (Unix seconds): a worker that takes it can only fail it.
    pub fn is_expired(&self, now_s: u64) -> bool {
        match &self.job {
            Job::Workload { token_expires_s, .. } => token_expires_s.is_some_and(|end| end <= now_s),
            Job::Command(_) | Job::Other => false,
        }
    }

    fn from_envelope(envelope: Envelope) -> Self {
        let job = envelope.job().unwrap_or(Job::Other);
        Self { celery_id: envelope.headers.id, task: envelope.headers.task, job }
    }
}

/// Reads a workload from the text that stands in a message's arguments and in `active` replies.
pub(crate) fn workload(text: &str) -> Option<(Box<Workload>, Option<u64>)> {
    #[derive(Deserialize)]
    struct Signed {
        #[serde(default)]
        token: Option<String>,
        #[serde(flatten)]
        workload: Workload,
    }
    let signed: Signed = serde_json::from_str(text).ok()?;
    let token_expires_s = signed.token.as_deref().and_then(token::expires_s);
    Some((Box::new(signed.workload), token_expires_s))
}

/// Celery's JSON around every message on Redis: tasks, remote control and events alike.
#[derive(Deserialize)]
pub(crate) struct Envelope {
    pub(crate) body: String,
    #[serde(default)]
    headers: Headers,
    #[serde(default)]
    properties: Properties,
}

#[derive(Deserialize, Default)]
struct Headers {
    #[serde(default)]
    task: String,
    #[serde(default)]
    id: String,
}

#[derive(Deserialize, Default)]
struct Properties {
    #[serde(default)]
    body_encoding: Option<String>,
}

impl Envelope {
    /// The body's bytes.
    pub(crate) fn body_bytes(&self) -> Option<Vec<u8>> {
        match self.properties.body_encoding.as_deref() {
            Some("base64") => STANDARD.decode(&self.body).ok(),
            _ => Some(self.body.clone().into_bytes()),
        }
    }

    fn job(&self) -> Option<Job> {
        // The body is `[arguments, keyword arguments, options]`.
        let (arguments, _, _): (Vec<Value>, Value, Value) =
            serde_json::from_slice(&self.body_bytes()?).ok()?;
        match (self.headers.task.as_str(), arguments.into_iter().next()?) {
            ("execute_workload", Value::String(text)) => {
                let (workload, token_expires_s) = workload(&text)?;
                Some(Job::Workload { workload, token_expires_s })
            }
            ("execute_command", command @ Value::Array(_)) => {
                Some(Job::Command(serde_json::from_value(command).ok()?))
            }
            _ => None,
        }
    }
}
