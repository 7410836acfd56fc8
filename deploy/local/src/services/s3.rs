//! S3: the store of environments and trees, and Airflow's task logs.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use objectstore::Store;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::ledger::Entry;
use crate::machine;
use crate::process::{Program, until_served};
use crate::state::State;

/// It starts in milliseconds; a loaded machine takes longer.
const START: Duration = Duration::from_secs(20);
const ACCESS_KEY: &str = "updraft-local";
const REGION: &str = "us-east-1";
const STORE_BUCKET: &str = "updraft";
const LOG_BUCKET: &str = "airflow-logs";

/// `UPDRAFT_STORE`.
pub(crate) const STORE: &str = "s3://updraft/local";
/// Airflow's remote log folder.
pub(crate) const AIRFLOW_LOGS: &str = "s3://airflow-logs/tasks";

pub(super) fn start(state: &State) -> Result<Entry, Failure> {
    let listen = format!("127.0.0.1:{}", state.ports().s3);
    let root = folder(state);
    let shown = root.display().to_string();
    // The secret goes by environment: arguments are for everybody to see.
    let mut env = machine::environment();
    env.extend(environment(state));
    let Some(versitygw) = state.versitygw() else {
        let args = ["--listen", &listen, "--root", &shown, "--bucket", STORE_BUCKET, "--bucket", LOG_BUCKET];
        return Program::new("s3", &machine::sibling("testkit-s3")?, &args, env).start(state);
    };
    for bucket in [STORE_BUCKET, LOG_BUCKET] {
        let path = root.join(bucket);
        fs::create_dir_all(&path).map_err(Failure::file("create", &path))?;
    }
    env.insert("ROOT_ACCESS_KEY".to_owned(), ACCESS_KEY.to_owned());
    env.insert("ROOT_SECRET_KEY".to_owned(), state.secrets().s3.clone());
    let args = ["--port", &listen, "--region", REGION, "posix", &shown];
    Program::new("s3", versitygw, &args, env).start(state)
}

/// Where the server keeps its objects; the two servers' formats differ.
fn folder(state: &State) -> PathBuf {
    state.path(if state.versitygw().is_some() { "s3-versitygw" } else { "s3" })
}

/// The folder of Airflow's logs.
pub(crate) fn log_folder(state: &State) -> PathBuf {
    folder(state).join(LOG_BUCKET)
}

pub(super) async fn wait(state: &State, entry: &Entry) -> Result<(), Failure> {
    let address = format!("127.0.0.1:{}", state.ports().s3);
    until_served(state, entry, "the S3 server answers", START, || async {
        TcpStream::connect(&address).await.map(drop).map_err(|error| error.to_string())
    })
    .await
}

/// The store, for this program itself.
pub(crate) fn store(state: &State) -> Result<Store, Failure> {
    open(state, STORE)
}

/// Airflow's log folder, for this program itself.
pub(crate) fn log_store(state: &State) -> Result<Store, Failure> {
    open(state, AIRFLOW_LOGS)
}

fn open(state: &State, url: &str) -> Result<Store, Failure> {
    let endpoint = format!("http://127.0.0.1:{}", state.ports().s3);
    Ok(Store::open_s3_at(url, &endpoint, ACCESS_KEY, &state.secrets().s3)?)
}

/// The AWS standard variables of every S3 client here.
pub(crate) fn environment(state: &State) -> BTreeMap<String, String> {
    [
        ("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{}", state.ports().s3)),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", state.secrets().s3.clone()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
