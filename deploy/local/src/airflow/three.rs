//! Airflow 3.3.2: API server, our DAG bundle, everybody is admin.

use std::path::{Path, PathBuf};

use airflow_api::Credentials;

use super::{DAGS, REPOSITORY, Recipe, Settings, component};
use crate::failure::Failure;
use crate::ledger::Entry;
use crate::state::State;

pub(super) const RECIPE: Recipe = Recipe {
    version: "3.3.2",
    requirements: include_str!("../../airflow-3.3.2-py3.11.txt"),
    source_only: &[],
    record: "base.json",
};

/// See [`crate::line::Line::quick_to_notice`].
pub(super) const QUICK_TO_NOTICE: [(&str, &str); 2] = [
    ("SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT", "30"),
    ("SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL", "5"),
];

pub(super) fn settings(state: &State) -> Settings {
    let (ports, secrets) = (state.ports(), state.secrets());
    let path = |name: &str| state.path(name).display().to_string();
    let bundles = serde_json::json!([{
        "name": REPOSITORY,
        "classpath": "updraft_airflow.bundle.UpdraftBundle",
        // Airflow follows a flip at its next look; the default is five minutes.
        "kwargs": {"repository": REPOSITORY, "subdir": DAGS, "refresh_interval": 1},
    }]);
    Settings {
        options: vec![
            ("CORE__DAGS_FOLDER", path("airflow/none")),
            ("CORE__EXECUTION_API_SERVER_URL", format!("{}/execution/", state.airflow_url())),
            ("CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS", "True".to_owned()),
            ("API_AUTH__JWT_SECRET", secrets.jwt.clone()),
            ("API__SECRET_KEY", secrets.api.clone()),
            ("API__BASE_URL", state.airflow_url()),
            ("API__HOST", "127.0.0.1".to_owned()),
            ("API__PORT", ports.airflow.to_string()),
            ("API__WORKERS", "1".to_owned()),
            ("DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST", bundles.to_string()),
            ("DAG_PROCESSOR__DAG_BUNDLE_STORAGE_PATH", path("airflow/bundles")),
            ("DAG_PROCESSOR__BUNDLE_REFRESH_CHECK_INTERVAL", "1".to_owned()),
            ("DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL", "5".to_owned()),
        ],
        // Where the wheel is not installed in the image. The switch keeps this entry and never adds one.
        variables: vec![("PYTHONPATH", plugin().display().to_string())],
    }
}

/// Sources of the plugin in this checkout.
fn plugin() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugin/src")
}

pub(super) fn serve(state: &State, base: &Path) -> Result<Entry, Failure> {
    component(state, base, "api-server", &["api-server"]).start(state)
}

pub(super) fn credentials() -> Credentials {
    Credentials::AllAdmins
}
