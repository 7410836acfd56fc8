//! What differs between the REST APIs of Airflow 2 and 3. Everything else has the same names in both.

use serde_json::{Value, json};

/// A version of the REST API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// Airflow 2: `/api/v1`.
    V1,
    /// Airflow 3: `/api/v2`.
    V2,
}

impl Api {
    /// Folder of all its paths.
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Self::V1 => "/api/v1",
            Self::V2 => "/api/v2",
        }
    }

    /// Health, below the prefix.
    pub(crate) fn health(self) -> &'static str {
        match self {
            Self::V1 => "/health",
            Self::V2 => "/monitor/health",
        }
    }

    /// Behind the path of a DAG: everything that is known of it. Airflow 2 would parse the DAG for its details.
    pub(crate) fn details(self) -> &'static str {
        match self {
            Self::V1 => "",
            Self::V2 => "/details",
        }
    }

    /// Selects the DAGs of a bundle; Airflow 2 has one folder and no bundles.
    pub(crate) fn of_bundle(self, bundle: &str) -> String {
        match self {
            Self::V1 => String::new(),
            Self::V2 => format!("&bundle_name={bundle}"),
        }
    }

    /// Lists DAGs whose file is gone too.
    pub(crate) fn stale_too(self) -> &'static str {
        match self {
            Self::V1 => "&only_active=false",
            Self::V2 => "&exclude_stale=false",
        }
    }

    /// A new run for no point in time. Airflow 2 has none without one: it takes the present.
    pub(crate) fn new_run(self, run_id: &str, conf: &Value) -> Value {
        let mut body = json!({"dag_run_id": run_id, "conf": conf});
        if self == Self::V2
            && let Some(fields) = body.as_object_mut()
        {
            fields.insert("logical_date".to_owned(), Value::Null);
        }
        body
    }

    /// The value itself; Airflow 2 would give its text.
    pub(crate) fn xcom_value(self) -> &'static str {
        match self {
            Self::V1 => "?stringify=false",
            Self::V2 => "",
        }
    }
}
