//! Updraft's own programs as this machine runs them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::airflow::{self, REPOSITORY};
use crate::failure::Failure;
use crate::machine;
use crate::process::Program;
use crate::repository;
use crate::services::{AIRFLOW_LOGS, STORE, s3_environment};
use crate::state::State;

/// Seconds without a task after which a worker is drained: long enough to see one worker serve two environments,
/// short enough to see it go.
const IDLE_S: u32 = 25;

/// Slots of a worker for ordinary tasks.
pub(crate) const DEFAULT_SLOTS: usize = 4;

/// Prices of the demo.
const PRICES: &str = include_str!("../prices.toml");

/// Starts costs, sync, dag-processor, triggerer and autoscaler. Each catches up with the others by itself.
pub(crate) fn start(state: &State, base: &Path) -> Result<(), Failure> {
    let repository = format!("--repository={REPOSITORY}");
    let env = environment(state, base);
    start_costs(state)?;
    let agent = machine::sibling("updraft-agent")?;
    Program::new("sync", &agent, &["sync"], sync_environment(state, base)).start(state)?;
    for component in ["dag-processor", "triggerer"] {
        let mut env = env.clone();
        env.insert(
            "UPDRAFT_SOCKET".to_owned(),
            state.path(&format!("{component}.sock")).display().to_string(),
        );
        let args = ["run", &repository, "--", "airflow", component];
        Program::new(component, &agent, &args, env).start(state)?;
    }
    let pools = state.path("pools.toml");
    fs::write(&pools, pools_file(state, &agent)).map_err(Failure::file("write", &pools))?;
    let settings = pools.display().to_string();
    let args = ["run", "--config", &settings];
    Program::new("autoscaler", &machine::sibling("updraft-autoscaler")?, &args, env).start(state)?;
    Ok(())
}

/// The dashboard and what answers for usage. It reads the store like everybody else.
fn start_costs(state: &State) -> Result<(), Failure> {
    let (prices, token) = (state.path("prices.toml"), state.path("costs.token"));
    fs::write(&prices, PRICES).map_err(Failure::file("write", &prices))?;
    fs::write(&token, &state.secrets().costs).map_err(Failure::file("write", &token))?;
    let mut env = costs_environment(state);
    env.extend([("UPDRAFT_COSTS_TOKEN_FILE".to_owned(), token.display().to_string())]);
    let (listen, database) =
        (format!("127.0.0.1:{}", state.ports().costs), state.path("costs.sqlite").display().to_string());
    let args = ["serve", "--listen", &listen, "--database", &database];
    Program::new("costs", &machine::sibling("updraft-costs")?, &args, env).start(state)?;
    Ok(())
}

/// What `updraft-costs` needs: the store with the usage, and prices.
pub(crate) fn costs_environment(state: &State) -> BTreeMap<String, String> {
    let mut env = machine::environment();
    env.extend(s3_environment(state));
    env.extend([
        ("UPDRAFT_STORE".to_owned(), STORE.to_owned()),
        ("UPDRAFT_PRICES".to_owned(), state.path("prices.toml").display().to_string()),
    ]);
    env
}

/// Airflow's variables and what an agent needs.
fn environment(state: &State, base: &Path) -> BTreeMap<String, String> {
    let mut env = airflow::environment(state, base);
    let path = |name: &str| state.path(name).display().to_string();
    env.extend(
        [
            ("UPDRAFT_STORE", STORE.to_owned()),
            ("UPDRAFT_VOLUME", path("volume")),
            ("UPDRAFT_PYTHON", base.join("bin/python").display().to_string()),
            ("UPDRAFT_BROKER_URL", state.redis_url()),
            ("UPDRAFT_RELEASE", "local".to_owned()),
            ("UPDRAFT_POLL_INTERVAL_MS", "500".to_owned()),
            ("UPDRAFT_CACHE_DIR", path("cache")),
            // Task logs are shipped from Airflow's folder to where Airflow looks for them.
            ("UPDRAFT_BASE_LOG_FOLDER", path("airflow/logs")),
            ("UPDRAFT_REMOTE_LOG_FOLDER", AIRFLOW_LOGS.to_owned()),
            ("UPDRAFT_COSTS_URL", state.costs_url()),
            ("UPDRAFT_COSTS_TOKEN", state.secrets().costs.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    env
}

/// Where sync keeps its state.
pub(crate) fn sync_state(state: &State) -> PathBuf {
    state.path("sync")
}

/// What sync gets on top: where the repository is, and Airflow's address for "parse this now".
pub(crate) fn sync_environment(state: &State, base: &Path) -> BTreeMap<String, String> {
    let mut env = environment(state, base);
    env.extend(
        [
            ("UPDRAFT_GIT_URL", repository::bare(state).display().to_string()),
            ("UPDRAFT_GIT_REF", repository::BRANCH.to_owned()),
            ("UPDRAFT_REPOSITORY", REPOSITORY.to_owned()),
            ("UPDRAFT_BASE_PYTHON", base.join("bin/python").display().to_string()),
            ("UPDRAFT_STATE_DIR", sync_state(state).display().to_string()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    env.extend(airflow::sync_variables(state).into_iter().map(|(name, value)| (name.to_owned(), value)));
    env.extend(state.overrides().sync.clone());
    env
}

/// Two pools with min 0: one for ordinary tasks, one for the fan-out's queue.
fn pools_file(state: &State, agent: &Path) -> String {
    let pool = |name: &str, queue: &str, slots: usize, max: u32| {
        let command: Vec<String> = [
            &agent.display().to_string(),
            "worker",
            "--pool",
            "{pool}",
            "--repository",
            REPOSITORY,
            "--socket",
            "{socket}",
            "--",
            "airflow",
            "celery",
            "worker",
            "-q",
            "{queues}",
            "-c",
            "{slots}",
            "-H",
            "{worker}@%h",
            // Mingle and gossip cost a second at start and tell workers of each other, which nobody reads. Logs are
            // shipped, so no log server is needed, whose port a second worker could not have.
            "--without-mingle",
            "--without-gossip",
            "--skip-serve-logs",
        ]
        .iter()
        .map(|word| serde_json::Value::from(*word).to_string())
        .collect();
        format!(
            "[pools.{name}]\nqueues = ['{queue}']\nslots_per_worker = {slots}\nmin = 0\nmax = {max}\nidle_s = {IDLE_S}\n\
             drain_timeout_s = 3600\ncommand = [{}]\n",
            command.join(", ")
        )
    };
    format!(
        "state_dir = {}\ntick_ms = 200\n\n{}\n{}",
        serde_json::Value::from(state.path("autoscaler").display().to_string()),
        pool("default", "default", DEFAULT_SLOTS, 2),
        pool("short", "short", 8, 2),
    )
}
