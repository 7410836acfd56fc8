//! Telling Airflow to parse now: new runs get the version of the last parse of their file. Airflow 2 knows no versions; there
//! a file is up to date when it was parsed after the flip.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use airflow_api::{Client, Credentials, Dag};
use domain::{Publication, PublicationId};
use jiff::Timestamp;
use secrecy::SecretString;

use super::{SyncError, SyncSettings};

/// Time for readers to follow the flip, and for the dag processor to start anew in another environment.
const DEADLINE: Duration = Duration::from_secs(45);
/// Between two looks at what was parsed.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The Airflow whose dag processor reads the repository.
pub(super) struct Airflow {
    client: Client,
    bundle: String,
    subdir: String,
}

impl Airflow {
    /// `None` when no Airflow is configured: it finds the new times by itself.
    pub(super) fn of(settings: &SyncSettings) -> Result<Option<Self>, SyncError> {
        let Some(address) = &settings.airflow_url else { return Ok(None) };
        let credentials = match (&settings.airflow_user, &settings.airflow_password_file) {
            (Some(name), Some(path)) => {
                let password = std::fs::read_to_string(path).map_err(super::error::disk(path))?;
                let password = SecretString::from(password.trim_end().to_owned());
                Credentials::User { name: name.clone(), password }
            }
            _ => Credentials::AllAdmins,
        };
        let client = Client::new(address, credentials)
            .map_err(|_| SyncError::Missing { setting: "a usable --airflow-url (UPDRAFT_AIRFLOW_URL)" })?;
        let bundle = settings.bundle.clone().unwrap_or_else(|| settings.repository.to_string());
        Ok(Some(Self { client, bundle, subdir: settings.dags_subdir.clone() }))
    }

    /// Has the files of `publication` that changed since `previous` parsed, and waits until their DAGs have its
    /// version. Airflow parses them in its own time when this does not succeed.
    pub(super) async fn parse(
        &self,
        id: &PublicationId,
        publication: &Publication,
        previous: Option<&Publication>,
    ) -> Result<(), airflow_api::Error> {
        let changed = changed_dags(publication, previous, &self.subdir);
        let (start, flipped) = (Instant::now(), Timestamp::now());
        let mut asked = 0;
        while start.elapsed() < DEADLINE {
            let dags = self.client.dags(&self.bundle).await?;
            let behind: Vec<_> = dags
                .iter()
                .filter(|dag| changed.iter().any(|file| is_file(dag, file)))
                .filter(|dag| !is_of(dag, id, flipped))
                .collect();
            if behind.is_empty() && asked > 0 {
                break;
            }
            let mut tokens: BTreeSet<&str> = behind.iter().map(|dag| dag.file_token.as_str()).collect();
            if tokens.is_empty() {
                // Any file will do: asking for it refreshes the bundle, which brings new files.
                tokens.extend(dags.first().map(|dag| dag.file_token.as_str()));
            }
            if tokens.is_empty() {
                break;
            }
            for token in &tokens {
                self.client.parse_file(token).await?;
            }
            asked += tokens.len();
            if behind.is_empty() {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        tracing::info!(publication = %id, files = changed.len(), asked, took_ms = start.elapsed().as_millis(), "Airflow was asked to parse");
        Ok(())
    }
}

/// Is the DAG in this file? Airflow 2 tells the absolute path alone.
fn is_file(dag: &Dag, file: &str) -> bool {
    match &dag.relative_fileloc {
        Some(known) => known == file,
        None => dag.fileloc.strip_suffix(file).is_some_and(|folder| folder.ends_with('/')),
    }
}

/// Was the DAG parsed as the publication has it?
fn is_of(dag: &Dag, id: &PublicationId, flipped: Timestamp) -> bool {
    if dag.bundle_name.is_some() {
        return dag.bundle_version.as_deref() == Some(id.to_string().as_str());
    }
    let parsed = dag.last_parsed_time.as_deref().and_then(|time| time.parse::<Timestamp>().ok());
    parsed.is_some_and(|parsed| parsed > flipped)
}

/// Files with another time than before, relative to the bundle.
fn changed_dags(publication: &Publication, previous: Option<&Publication>, subdir: &str) -> BTreeSet<String> {
    let time = |path: &str| {
        let file = previous?.files.iter().find(|file| file.path == path)?;
        Some(file.mtime_s)
    };
    let prefix = if subdir == "." { String::new() } else { format!("{subdir}/") };
    let changed = publication.files.iter().filter(|file| time(&file.path) != Some(file.mtime_s));
    changed.filter_map(|file| file.path.strip_prefix(&prefix).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dag(fields: &serde_json::Value) -> Dag {
        let mut dag = serde_json::json!({"dag_id": "d", "is_paused": false, "file_token": "t"});
        dag.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        serde_json::from_value(dag).unwrap()
    }

    #[test]
    fn airflow_3_has_versions_and_airflow_2_times() {
        let id: PublicationId = "00000002-0123456789ab".parse().unwrap();
        let flipped: Timestamp = "2026-11-23T06:00:00Z".parse().unwrap();
        let three = |version: &str| {
            dag(
                &serde_json::json!({"bundle_name": "etl", "bundle_version": version, "relative_fileloc": "a/b.py",
                "last_parsed_time": "2026-11-23T06:00:09Z"}),
            )
        };
        assert!(is_of(&three("00000002-0123456789ab"), &id, flipped));
        assert!(!is_of(&three("00000001-0123456789ab"), &id, flipped));
        assert!(is_file(&three("x"), "a/b.py") && !is_file(&three("x"), "b.py"));
        let two =
            |time: &str| dag(&serde_json::json!({"fileloc": "/v/dags/a/b.py", "last_parsed_time": time}));
        assert!(is_of(&two("2026-11-23T06:00:01.253430+00:00"), &id, flipped));
        assert!(!is_of(&two("2026-11-23T05:59:59.9+00:00"), &id, flipped));
        assert!(is_file(&two("x"), "a/b.py") && !is_file(&two("x"), "s/a/b.py"));
    }
}
