//! Client of the REST APIs of Airflow 3 (v2) and Airflow 2.11 (v1), thin and typed: the same methods, and the Airflow itself
//! says which it speaks.
//!
//! Invariants:
//! - Every request has a time limit ([`REQUEST_TIMEOUT`]) and at most [`ATTEMPTS`] attempts. Only requests that may be
//!   repeated are; triggering a run is repeated only when no connection was made.
//! - What differs between the two stands in one place (`api`, and `logs` for the two forms of a log).
//! - Password and token never reach an error or a log. The token is fetched when first needed and once again after a 401.
//! - Errors carry the status and Airflow's own words, and say whether trying again can help.
//!
//! ```no_run
//! # async fn example() -> Result<(), airflow_api::Error> {
//! use airflow_api::{Client, Credentials};
//! let airflow = Client::new("http://127.0.0.1:8080", Credentials::AllAdmins)?;
//! airflow.trigger("report", "manual-1", serde_json::json!({})).await?;
//! let run = airflow.run("report", "manual-1").await?;
//! println!("{} {}", run.state, run.bundle_version.unwrap_or_default());
//! # Ok(()) }
//! ```
//!
//! A process installs a rustls provider before it builds a [`Client`] (reqwest is built without one).

mod api;
mod client;
mod credentials;
mod dags;
mod error;
mod health;
mod logs;
mod path;
mod runs;
mod token;

pub use api::Api;
pub use client::{ATTEMPTS, Client, REQUEST_TIMEOUT};
pub use credentials::Credentials;
pub use dags::{Dag, ImportError};
pub use error::{Error, Step};
pub use health::{Component, Health};
pub use logs::{LogLine, LogPage};
pub use runs::{DagRun, TaskInstance};
