//! Airflow 2.11.2: webserver, `dags_folder` on a link to the current publication's code, one user with a password.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use airflow_api::Credentials;
use secrecy::SecretString;

use super::{REPOSITORY, Recipe, Settings, component, environment};
use crate::failure::Failure;
use crate::ledger::Entry;
use crate::process::Program;
use crate::state::State;

pub(super) const RECIPE: Recipe = Recipe {
    version: "2.11.2",
    requirements: include_str!("../../airflow-2.11.2-py3.11.txt"),
    source_only: &["python-nvd3"],
    record: "base-2.11.json",
};
/// The user of the webserver and of the API.
const USER: &str = "admin";
/// Creates it. `airflow users create` would want the password as an argument, for everybody to see.
const CREATE_USER: &str = include_str!("create_user.py");

/// See [`crate::line::Line::quick_to_notice`].
pub(super) const QUICK_TO_NOTICE: [(&str, &str); 3] = [
    ("SCHEDULER__JOB_HEARTBEAT_SEC", "5"),
    ("SCHEDULER__SCHEDULER_ZOMBIE_TASK_THRESHOLD", "30"),
    ("SCHEDULER__ZOMBIE_DETECTION_INTERVAL", "5"),
];

pub(super) fn settings(state: &State) -> Settings {
    let secrets = state.secrets();
    let options = vec![
        // The dag-processor's link, which its agent moves; the scheduler names files relative to it. Workers get the code of
        // their own environment from their agents.
        ("CORE__DAGS_FOLDER", state.path("volume/dags").join(REPOSITORY).display().to_string()),
        ("WEBSERVER__SECRET_KEY", secrets.jwt.clone()),
        ("WEBSERVER__BASE_URL", state.airflow_url()),
        ("WEBSERVER__WEB_SERVER_HOST", "127.0.0.1".to_owned()),
        ("WEBSERVER__WEB_SERVER_PORT", state.ports().airflow.to_string()),
        ("WEBSERVER__WORKERS", "1".to_owned()),
        ("API__AUTH_BACKENDS", "airflow.api.auth.backend.basic_auth".to_owned()),
        // Users' packages are imported in the current environment, by a dag-processor of its own, never by the scheduler.
        ("SCHEDULER__STANDALONE_DAG_PROCESSOR", "True".to_owned()),
        ("SCHEDULER__MIN_FILE_PROCESS_INTERVAL", "5".to_owned()),
        // New files are seen at the next look; the default is five minutes.
        ("SCHEDULER__DAG_DIR_LIST_INTERVAL", "2".to_owned()),
    ];
    Settings { options, variables: Vec::new() }
}

pub(super) async fn serve(state: &State, base: &Path) -> Result<Entry, Failure> {
    let mut env = environment(state, base);
    env.insert("UPDRAFT_LOCAL_USER".to_owned(), USER.to_owned());
    env.insert("UPDRAFT_LOCAL_PASSWORD".to_owned(), state.secrets().api.clone());
    let python = base.join("bin/python");
    Program::new("create-user", &python, &["-c", CREATE_USER], env).run(state).await?;
    write_password(&password_file(state), &state.secrets().api)?;
    component(state, base, "webserver", &["webserver"]).start(state)
}

fn write_password(path: &Path, password: &str) -> Result<(), Failure> {
    let write = |path: &Path| {
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(password.as_bytes())
    };
    write(path).map_err(Failure::file("write", path))
}

fn password_file(state: &State) -> PathBuf {
    state.path("airflow/password")
}

pub(super) fn credentials(state: &State) -> Credentials {
    Credentials::User { name: USER.to_owned(), password: SecretString::from(state.secrets().api.clone()) }
}

/// What sync logs in with.
pub(super) fn user(state: &State) -> [(&'static str, String); 2] {
    [
        ("UPDRAFT_AIRFLOW_USER", USER.to_owned()),
        ("UPDRAFT_AIRFLOW_PASSWORD_FILE", password_file(state).display().to_string()),
    ]
}
