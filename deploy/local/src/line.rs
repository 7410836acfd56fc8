//! Which Airflow.

use serde::{Deserialize, Serialize};

/// A line of Airflow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
pub(crate) enum Line {
    /// Airflow 3.3.2: tasks switch to the environment of their run.
    #[default]
    #[value(name = "3.3")]
    #[serde(rename = "3.3")]
    Three,
    /// Airflow 2.11.2: a worker process for each environment.
    #[value(name = "2.11")]
    #[serde(rename = "2.11")]
    Two,
}
