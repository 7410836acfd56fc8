//! Airflow: its settings, its components, and a client of its API.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use airflow_api::{Client, Credentials};

use crate::failure::Failure;
use crate::machine;
use crate::process::{Program, until_served};
use crate::services::{AIRFLOW_LOGS, s3_environment};
use crate::state::State;

/// The repository of the demo: bundle name, and name in the store.
pub(crate) const REPOSITORY: &str = "demo";
/// Connection that Airflow writes and reads logs with.
const LOG_CONNECTION: &str = "updraft_logs";
/// The API server imports most of Airflow; a loaded machine with cold caches takes long.
const START: Duration = Duration::from_mins(3);
/// Not a secret: there are no stored connections to protect in a database that lives as long as one demo.
const FERNET_KEY: &str = "6ZbLxVQ2nT9L1m3N2N2kqk8iG2vC6p6xQpKJ3rQ0b1A=";

/// Variables of every Airflow process, and of Updraft's processes that start one.
pub(crate) fn environment(state: &State, base: &Path) -> BTreeMap<String, String> {
    let (ports, secrets) = (state.ports(), state.secrets());
    let database = format!("postgres@127.0.0.1:{}/postgres", ports.postgres);
    let path = |name: &str| state.path(name).display().to_string();
    let bundles = serde_json::json!([{
        "name": REPOSITORY,
        "classpath": "updraft_airflow.bundle.UpdraftBundle",
        // Airflow follows a flip at its next look; the default is five minutes.
        "kwargs": {"repository": REPOSITORY, "subdir": "dags", "refresh_interval": 1},
    }]);
    let log_connection = serde_json::json!({
        "conn_type": "aws",
        "extra": {"endpoint_url": format!("http://127.0.0.1:{}", ports.s3), "region_name": "us-east-1"},
    });
    let options = [
        ("CORE__EXECUTOR", "CeleryExecutor".to_owned()),
        ("CORE__LOAD_EXAMPLES", "False".to_owned()),
        ("CORE__DAGS_FOLDER", path("airflow/none")),
        ("CORE__DAGS_ARE_PAUSED_AT_CREATION", "False".to_owned()),
        ("CORE__FERNET_KEY", FERNET_KEY.to_owned()),
        ("CORE__EXECUTION_API_SERVER_URL", format!("{}/execution/", state.airflow_url())),
        ("CORE__PARALLELISM", "64".to_owned()),
        ("CORE__MAX_ACTIVE_TASKS_PER_DAG", "64".to_owned()),
        ("CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True".to_owned()),
        ("API_AUTH__JWT_SECRET", secrets.jwt.clone()),
        ("API__SECRET_KEY", secrets.api.clone()),
        ("API__BASE_URL", state.airflow_url()),
        ("API__HOST", "127.0.0.1".to_owned()),
        ("API__PORT", ports.airflow.to_string()),
        ("API__WORKERS", "1".to_owned()),
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
        ("DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles.to_string()),
        ("DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", path("airflow/bundles")),
        ("DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL", "1".to_owned()),
        ("DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL", "5".to_owned()),
        ("USAGE_DATA_COLLECTION__ENABLED", "False".to_owned()),
    ];
    let mut env = machine::environment();
    env.extend(s3_environment(state));
    env.extend(options.map(|(name, value)| (format!("AIRFLOW__{name}"), value)));
    let overrides = &state.overrides().airflow;
    env.extend(overrides.iter().map(|(name, value)| (format!("AIRFLOW__{name}"), value.clone())));
    env.extend([
        ("AIRFLOW_HOME".to_owned(), path("airflow")),
        (format!("AIRFLOW_CONN_{}", LOG_CONNECTION.to_uppercase()), log_connection.to_string()),
        // Where the wheel is not installed in the image. The switch keeps this entry and never adds one.
        ("PYTHONPATH".to_owned(), plugin().display().to_string()),
        ("PATH".to_owned(), format!("{}:{}", base.join("bin").display(), env["PATH"])),
    ]);
    env
}

/// Sources of the plugin in this checkout.
fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin/src")
}

/// A component of Airflow in the base.
pub(crate) fn component(state: &State, base: &Path, name: &str, args: &[&str]) -> Program {
    Program::new(name, &base.join("bin/airflow"), args, environment(state, base))
}

/// Makes the tables, then starts API server and scheduler and waits until the API answers.
pub(crate) async fn start(state: &State, base: &Path) -> Result<(), Failure> {
    component(state, base, "db-migrate", &["db", "migrate"]).run(state).await?;
    let server = component(state, base, "api-server", &["api-server"]).start(state)?;
    component(state, base, "scheduler", &["scheduler"]).start(state)?;
    let client = client(state)?;
    until_served(state, &server, "Airflow's API answers", START, || async {
        client.health().await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// A client of the API.
pub(crate) fn client(state: &State) -> Result<Client, Failure> {
    Ok(Client::new(&state.airflow_url(), Credentials::AllAdmins)?)
}
