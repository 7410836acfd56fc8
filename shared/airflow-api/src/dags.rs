//! DAGs: versions, pausing, parsing now, import errors.

use reqwest::Method;
use serde::Deserialize;
use serde_json::json;

use crate::client::Ask;
use crate::path::segment;
use crate::{Client, Error, Step};

/// A DAG.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Dag {
    /// Its id.
    pub dag_id: String,
    /// Paused DAGs start no runs by themselves.
    pub is_paused: bool,
    /// Its file failed to parse; the scheduler ignores the DAG, its running runs too.
    #[serde(default)]
    pub has_import_errors: bool,
    /// Bundle its file is in; Airflow 2 has none.
    pub bundle_name: Option<String>,
    /// Version that new runs get: the bundle's version at the last parse of the file. Airflow 2 has none.
    pub bundle_version: Option<String>,
    /// File, relative to the bundle; Airflow 2 knows [`Dag::fileloc`] alone.
    pub relative_fileloc: Option<String>,
    /// File, absolute.
    #[serde(default)]
    pub fileloc: String,
    /// RFC 3339.
    pub last_parsed_time: Option<String>,
    /// Names the file for [`Client::parse_file`].
    pub file_token: String,
}

/// A file that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ImportError {
    /// File, relative to the bundle; of Airflow 2 absolute.
    pub filename: String,
    /// Bundle; Airflow 2 has none.
    pub bundle_name: Option<String>,
    /// Python's words.
    pub stack_trace: String,
    /// RFC 3339.
    pub timestamp: String,
}

#[derive(Deserialize)]
struct Dags {
    dags: Vec<Dag>,
}

#[derive(Deserialize)]
struct ImportErrors {
    import_errors: Vec<ImportError>,
}

#[derive(Deserialize)]
struct OwnedDags {
    dags: Vec<OwnedDag>,
}

#[derive(Deserialize)]
struct OwnedDag {
    dag_id: String,
    #[serde(default)]
    owners: Vec<String>,
}

/// Pages of DAGs that are asked for owners: ten thousand DAGs.
const OWNER_PAGES: u32 = 100;

/// Airflow's own limit of a page; a repository with more DAG files than this is listed in part.
const PAGE: u32 = 100;

impl Client {
    /// One DAG; [`Error::is_not_found`] until it was parsed for the first time.
    pub async fn dag(&self, dag_id: &str) -> Result<Dag, Error> {
        let details = self.api().await?.details();
        self.get(Step::Dag, format!("/dags/{}{details}", segment(dag_id))).await
    }

    /// DAGs of a bundle, at most 100; of Airflow 2 all DAGs.
    pub async fn dags(&self, bundle: &str) -> Result<Vec<Dag>, Error> {
        let of_bundle = self.api().await?.of_bundle(&segment(bundle));
        let path = format!("/dags?limit={PAGE}{of_bundle}");
        Ok(self.get::<Dags>(Step::Dag, path).await?.dags)
    }

    /// Every DAG's owners as its file names them; a DAG without any has Airflow's default. Asks page by page.
    pub async fn owners(&self) -> Result<Vec<(String, Vec<String>)>, Error> {
        let mut all = Vec::new();
        let stale_too = self.api().await?.stale_too();
        for page in 0..OWNER_PAGES {
            let path = format!("/dags?limit={PAGE}&offset={}{stale_too}", page * PAGE);
            let owned: OwnedDags = self.get(Step::Dag, path).await?;
            let last = owned.dags.len() < PAGE as usize;
            all.extend(owned.dags.into_iter().map(|dag| (dag.dag_id, dag.owners)));
            if last {
                break;
            }
        }
        Ok(all)
    }

    /// Pause or unpause.
    pub async fn set_paused(&self, dag_id: &str, paused: bool) -> Result<(), Error> {
        let path = format!("/dags/{}", segment(dag_id));
        let body = Some(json!({"is_paused": paused}));
        self.send(Ask { method: Method::PATCH, body, ..Ask::get(Step::Pause, path) }).await?;
        Ok(())
    }

    /// Have a file parsed before all others; this refreshes its bundle too.
    pub async fn parse_file(&self, file_token: &str) -> Result<(), Error> {
        let path = format!("/parseDagFile/{}", segment(file_token));
        match self.send(Ask { method: Method::PUT, ..Ask::get(Step::Parse, path) }).await {
            // Asked for already and not yet done: that is what was wanted.
            Err(Error::Refused { status, .. }) if status == reqwest::StatusCode::CONFLICT => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// Files that do not parse, at most 100.
    pub async fn import_errors(&self) -> Result<Vec<ImportError>, Error> {
        let path = format!("/importErrors?limit={PAGE}");
        Ok(self.get::<ImportErrors>(Step::ImportErrors, path).await?.import_errors)
    }
}
