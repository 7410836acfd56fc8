//! What the demo looks at: Airflow's API, the broker, the store.

use std::path::Path;
use std::time::Duration;

use airflow_api::{Client, DagRun};
use broker::{Broker, Pidbox};
use domain::{Publication, PublicationId, Ref, RepositoryName};
use jiff::Timestamp;
use objectstore::Store;
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::airflow::{self, REPOSITORY};
use crate::failure::Failure;
use crate::line::Line;
use crate::process::until;
use crate::services;
use crate::state::State;

/// DAGs of the demo's repository.
pub(crate) const DAGS: [&str; 5] = ["model", "fan_out", "two_minutes", "leftover", "lost"];
/// A short run with a worker to start for it, on a loaded machine.
const SHORT_RUN: Duration = Duration::from_mins(3);
/// Airflow parses after a flip: a new dag-processor starts, the files are parsed.
const PARSE: Duration = Duration::from_mins(2);

/// Agents hear of a flip at once, or find it at their next poll.
const FOLLOWED: Duration = Duration::from_secs(1);

/// Everything that the demo looks at.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    pub state: &'a State,
    pub base: &'a Path,
    pub airflow: Client,
    pub broker: Broker,
    pub store: Store,
}

impl<'a> Watch<'a> {
    /// Connects.
    pub(crate) async fn new(state: &'a State, base: &'a Path) -> Result<Self, Failure> {
        Ok(Self {
            state,
            base,
            airflow: airflow::client(state)?,
            broker: Broker::connect(&SecretString::from(state.redis_url())).await?,
            store: services::store(state)?,
        })
    }

    /// The current publication, by the store.
    pub(crate) async fn current(&self) -> Result<Option<PublicationId>, Failure> {
        let name = repository()?;
        let key = domain::keys::reference(&name, domain::keys::DEFAULT_REF);
        let Some(object) = self.store.get(&key).await? else { return Ok(None) };
        let reference: Ref = serde_json::from_slice(&object.bytes)
            .map_err(|source| Failure::Record { path: key.into(), source })?;
        Ok(reference.current)
    }

    /// The current publication itself.
    pub(crate) async fn current_publication(&self) -> Result<Option<Publication>, Failure> {
        let Some(id) = self.current().await? else { return Ok(None) };
        let key = domain::keys::publication(&repository()?, &id);
        let Some(object) = self.store.get(&key).await? else { return Ok(None) };
        serde_json::from_slice(&object.bytes)
            .map(Some)
            .map_err(|source| Failure::Record { path: key.into(), source })
    }

    /// Waits until another publication than `before` is current.
    pub(crate) async fn published(
        &self,
        before: Option<&PublicationId>,
        deadline: Duration,
    ) -> Result<PublicationId, Failure> {
        until("a new publication becomes current", deadline, || async {
            match self.current().await {
                Ok(Some(id)) if before != Some(&id) => Ok(id),
                Ok(seen) => Err(seen.map_or_else(|| "none".to_owned(), |id| id.to_string())),
                Err(failure) => Err(failure.to_string()),
            }
        })
        .await
    }

    /// Waits until new runs of every DAG get this publication. Airflow 2 knows no versions: there every file must have been
    /// parsed after the dag-processor's agent had time to follow.
    pub(crate) async fn parsed(&self, publication: &PublicationId) -> Result<(), Failure> {
        let (wanted, since) = (publication.to_string(), Timestamp::now() + FOLLOWED);
        let what = format!("Airflow parses every DAG of {wanted}");
        until(&what, PARSE, || async {
            for dag_id in DAGS {
                let dag = self.airflow.dag(dag_id).await.map_err(|error| error.to_string())?;
                let time = dag.last_parsed_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
                let is_parsed = match self.state.airflow() {
                    Line::Three => dag.bundle_version.as_ref() == Some(&wanted),
                    Line::Two => time.is_some_and(|time| time > since),
                };
                if !is_parsed || dag.has_import_errors {
                    let seen = dag.bundle_version.or(dag.last_parsed_time).unwrap_or_default();
                    return Err(format!("{dag_id} at {seen}"));
                }
            }
            Ok(())
        })
        .await
    }

    /// Celery workers that are there, draining ones too.
    pub(crate) async fn workers(&self) -> Result<u64, Failure> {
        Ok(Pidbox::everybody(&self.broker).ping().await?.receivers)
    }

    /// Waits until no Celery worker is left.
    pub(crate) async fn no_workers(&self, deadline: Duration) -> Result<(), Failure> {
        until("no worker is left", deadline, || async {
            match self.workers().await {
                Ok(0) => Ok(()),
                Ok(workers) => Err(format!("{workers} workers")),
                Err(failure) => Err(failure.to_string()),
            }
        })
        .await
    }

    /// Objects below a prefix of Airflow's log folder.
    pub(crate) async fn log_parts(&self, prefix: &str) -> Result<usize, Failure> {
        Ok(services::log_store(self.state)?.list(prefix).await?.len())
    }

    /// Starts a run.
    pub(crate) async fn trigger(&self, dag_id: &str, run_id: &str, conf: Value) -> Result<DagRun, Failure> {
        Ok(self.airflow.trigger(dag_id, run_id, conf).await?)
    }

    /// Waits for the end of a run; its state.
    pub(crate) async fn finished(
        &self,
        dag_id: &str,
        run_id: &str,
        deadline: Duration,
    ) -> Result<DagRun, Failure> {
        until(&format!("run {run_id} of {dag_id} ends"), deadline, || async {
            match self.airflow.run(dag_id, run_id).await {
                Ok(run) if run.is_finished() => Ok(run),
                Ok(run) => Err(run.state),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// Runs the model DAG; what its task returned.
    pub(crate) async fn model(&self, run_id: &str) -> Result<Value, Failure> {
        self.trigger("model", run_id, json!({})).await?;
        let run = self.finished("model", run_id, SHORT_RUN).await?;
        if run.state != "success" {
            return Ok(json!({"state": run.state}));
        }
        self.returned("model", run_id, "fit").await
    }

    /// What a task returned, as an object.
    pub(crate) async fn returned(&self, dag_id: &str, run_id: &str, task_id: &str) -> Result<Value, Failure> {
        let value = self.airflow.returned(dag_id, run_id, task_id).await?;
        // Airflow gives XComs as values or as the text of a Python or JSON value, by version.
        Ok(match &value {
            Value::String(text) => serde_json::from_str(&text.replace('\'', "\"")).unwrap_or(value),
            _ => value,
        })
    }
}

fn repository() -> Result<RepositoryName, Failure> {
    REPOSITORY.parse().map_err(|_| Failure::Answer { program: "demo", field: "name" })
}

/// A text field of what a task returned.
pub(crate) fn field<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or("(missing)")
}
