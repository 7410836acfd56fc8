//! Airflow: its lines, their settings and components, and a client of the API.

mod three;
mod two;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use airflow_api::Client;

use crate::failure::Failure;
use crate::ledger::Entry;
use crate::line::Line;
use crate::machine;
use crate::process::{Program, until_served};
use crate::services::{AIRFLOW_LOGS, s3_environment};
use crate::state::State;

/// The repository of the demo: bundle name, and name in the store.
pub(crate) const REPOSITORY: &str = "demo";
/// Folder of the DAG files in it.
const DAGS: &str = "dags";
/// Connection that Airflow writes and reads logs with.
const LOG_CONNECTION: &str = "updraft_logs";
/// The API server imports most of Airflow; a loaded machine with cold caches takes long.
const START: Duration = Duration::from_mins(3);
/// Not a secret: there are no stored connections to protect in a database that lives as long as one demo.
const FERNET_KEY: &str = "6ZbLxVQ2nT9L1m3N2N2kqk8iG2vC6p6xQpKJ3rQ0b1A=";

/// What installs a base of a line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recipe {
    /// Its exact version.
    pub version: &'static str,
    /// Exact versions and hashes; no addresses.
    pub requirements: &'static str,
    /// Distributions that have no wheel on any index: pip makes one. depcache takes wheels only.
    pub source_only: &'static [&'static str],
    /// File in the state folder that remembers the installed base.
    pub record: &'static str,
}

impl Line {
    /// How its base is made.
    pub(crate) fn recipe(self) -> Recipe {
        match self {
            Self::Three => three::RECIPE,
            Self::Two => two::RECIPE,
        }
    }

    /// Settings with which a lost task is noticed within a minute.
    pub(crate) fn quick_to_notice(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Three => &three::QUICK_TO_NOTICE,
            Self::Two => &two::QUICK_TO_NOTICE,
        }
    }

    /// Settings that only this line has, without their prefix, and variables of its processes.
    fn settings(self, state: &State) -> Settings {
        match self {
            Self::Three => three::settings(state),
            Self::Two => two::settings(state),
        }
    }
}

/// What a line adds to the settings of both.
#[derive(Debug, Default)]
struct Settings {
    /// `SECTION__KEY` → value.
    options: Vec<(&'static str, String)>,
    /// Other variables.
    variables: Vec<(&'static str, String)>,
}

/// Variables of every Airflow process, and of Updraft's processes that start one.
pub(crate) fn environment(state: &State, base: &Path) -> BTreeMap<String, String> {
    let ports = state.ports();
    let database = format!("postgres@127.0.0.1:{}/postgres", ports.postgres);
    let path = |name: &str| state.path(name).display().to_string();
    let log_connection = serde_json::json!({
        "conn_type": "aws",
        "extra": {"endpoint_url": format!("http://127.0.0.1:{}", ports.s3), "region_name": "us-east-1"},
    });
    let options = [
        ("CORE__EXECUTOR", "CeleryExecutor".to_owned()),
        ("CORE__LOAD_EXAMPLES", "False".to_owned()),
        ("CORE__DAGS_ARE_PAUSED_AT_CREATION", "False".to_owned()),
        ("CORE__FERNET_KEY", FERNET_KEY.to_owned()),
        ("CORE__PARALLELISM", "64".to_owned()),
        ("CORE__MAX_ACTIVE_TASKS_PER_DAG", "64".to_owned()),
        ("DATABASE__SQL_ALCHEMY_CONN", format!("postgresql+psycopg2://{database}")),
        ("CELERY__BROKER_URL", state.redis_url()),
        ("CELERY__RESULT_BACKEND", format!("db+postgresql://{database}")),
        ("LOGGING__BASE_LOG_FOLDER", path("airflow/logs")),
        ("LOGGING__REMOTE_LOGGING", "True".to_owned()),
        ("LOGGING__REMOTE_BASE_LOG_FOLDER", AIRFLOW_LOGS.to_owned()),
        ("LOGGING__REMOTE_LOG_CONN_ID", LOG_CONNECTION.to_owned()),
        ("LOGGING__TRIGGER_LOG_SERVER_PORT", ports.triggerer_logs.to_string()),
        ("SCHEDULER__ENABLE_HEALTH_CHECK", "False".to_owned()),
        ("SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME", "0.2".to_owned()),
        ("USAGE_DATA_COLLECTION__ENABLED", "False".to_owned()),
    ];
    let own = state.airflow().settings(state);
    let mut env = machine::environment();
    env.extend(s3_environment(state));
    env.extend(
        options.into_iter().chain(own.options).map(|(name, value)| (format!("AIRFLOW__{name}"), value)),
    );
    env.extend(own.variables.into_iter().map(|(name, value)| (name.to_owned(), value)));
    let overrides = &state.overrides().airflow;
    env.extend(overrides.iter().map(|(name, value)| (format!("AIRFLOW__{name}"), value.clone())));
    env.extend([
        ("AIRFLOW_HOME".to_owned(), path("airflow")),
        (format!("AIRFLOW_CONN_{}", LOG_CONNECTION.to_uppercase()), log_connection.to_string()),
        ("PATH".to_owned(), format!("{}:{}", base.join("bin").display(), env["PATH"])),
    ]);
    env
}

/// A component of Airflow in the base.
pub(crate) fn component(state: &State, base: &Path, name: &str, args: &[&str]) -> Program {
    Program::new(name, &base.join("bin/airflow"), args, environment(state, base))
}

/// Makes the tables, then starts the server of the API and the scheduler and waits until the API answers.
pub(crate) async fn start(state: &State, base: &Path) -> Result<(), Failure> {
    component(state, base, "db-migrate", &["db", "migrate"]).run(state).await?;
    let server: Entry = match state.airflow() {
        Line::Three => three::serve(state, base)?,
        Line::Two => two::serve(state, base).await?,
    };
    component(state, base, "scheduler", &["scheduler"]).start(state)?;
    let client = client(state)?;
    until_served(state, &server, "Airflow's API answers", START, || async {
        client.health().await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// A client of the API.
pub(crate) fn client(state: &State) -> Result<Client, Failure> {
    let credentials = match state.airflow() {
        Line::Three => three::credentials(),
        Line::Two => two::credentials(state),
    };
    Ok(Client::new(&state.airflow_url(), credentials)?)
}

/// Variables by which sync may ask this Airflow to parse.
pub(crate) fn sync_variables(state: &State) -> Vec<(&'static str, String)> {
    let mut variables = vec![("UPDRAFT_AIRFLOW_URL", state.airflow_url())];
    if state.airflow() == Line::Two {
        variables.extend(two::user(state));
    }
    variables
}
