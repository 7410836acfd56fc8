//! Settings of `updraft-agent sync`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use domain::RepositoryName;
use secrecy::SecretString;

/// `updraft-agent sync`.
#[derive(Debug, Clone, Args)]
pub struct SyncSettings {
    /// Something other than following the repository.
    #[command(subcommand)]
    pub action: Option<SyncAction>,
    /// Git repository: a path, or file://, https://, ssh://, user@host:path
    #[arg(long, env = "UPDRAFT_GIT_URL", hide_env_values = true, value_name = "URL")]
    pub git_url: Option<String>,
    /// Branch, tag or full ref that is followed
    #[arg(long, env = "UPDRAFT_GIT_REF", default_value = "main", value_name = "NAME")]
    pub git_ref: String,
    /// User name for https; without one git's credential helpers are asked
    #[arg(long, env = "UPDRAFT_GIT_USERNAME", value_name = "NAME")]
    pub git_username: Option<String>,
    /// File with the password or token; read again for every connection
    #[arg(long, env = "UPDRAFT_GIT_PASSWORD_FILE", requires = "git_username", value_name = "FILE")]
    pub git_password_file: Option<PathBuf>,
    /// The repository's name in the store
    #[arg(long, env = "UPDRAFT_REPOSITORY", default_value = "main", value_name = "NAME")]
    pub repository: RepositoryName,
    /// Folder of the DAG files in the repository; `.` for all of it
    #[arg(long, env = "UPDRAFT_DAGS_SUBDIR", default_value = "dags", value_name = "DIR")]
    pub dags_subdir: String,
    /// Object store: s3://bucket/prefix or file:///directory
    #[arg(long, env = "UPDRAFT_STORE", value_name = "URL")]
    pub store: Option<String>,
    /// Ref that is published
    #[arg(long = "ref", env = "UPDRAFT_REF", default_value = domain::keys::DEFAULT_REF, value_name = "NAME")]
    pub reference: String,
    /// Redis that carries nudges; without one readers find a flip by polling
    #[arg(long, env = "UPDRAFT_BROKER_URL", hide_env_values = true, value_parser = secret, value_name = "URL")]
    pub broker_url: Option<SecretString>,
    /// Name of this installation among those that share a Redis
    #[arg(long, env = "UPDRAFT_RELEASE", default_value = "default", value_name = "NAME")]
    pub release: String,
    /// Where the mirror, candidates and the status are kept
    #[arg(long, env = "UPDRAFT_STATE_DIR", default_value = "/var/lib/updraft/sync", value_name = "DIR")]
    pub state_dir: PathBuf,
    /// Volume in which candidates are composed and proved; `volume` in the state directory when not given. On one
    /// machine the agents' own volume: what was proved is then already there when they want it
    #[arg(long, env = "UPDRAFT_VOLUME", value_name = "DIR")]
    pub volume: Option<PathBuf>,
    /// Interpreter of a base on this machine, registered as live; may be given several times
    #[arg(long, env = "UPDRAFT_BASE_PYTHON", value_delimiter = ',', value_name = "PATH")]
    pub base_python: Vec<PathBuf>,
    /// The depcache program; the one beside this program when not given
    #[arg(long, env = "UPDRAFT_DEPCACHE", value_name = "PATH")]
    pub depcache: Option<PathBuf>,
    /// Seconds that one build may take
    #[arg(long, env = "UPDRAFT_BUILD_TIMEOUT_S", default_value_t = 1_800, value_name = "S")]
    pub build_timeout_s: u64,
    /// Milliseconds between two polls of git
    #[arg(long, env = "UPDRAFT_POLL_INTERVAL_MS", default_value_t = 1_000, value_name = "MS")]
    pub poll_interval_ms: u64,
    /// Longest wait for readers to have a candidate ready, in seconds
    #[arg(long, env = "UPDRAFT_FLIP_WAIT_S", default_value_t = 30, value_name = "S")]
    pub flip_wait_s: u64,
    /// Airflow that is told to parse at once, http(s)://host:port
    #[arg(long, env = "UPDRAFT_AIRFLOW_URL", value_name = "URL")]
    pub airflow_url: Option<String>,
    /// User of that Airflow; without one its SimpleAuthManager must make everybody admin
    #[arg(long, env = "UPDRAFT_AIRFLOW_USER", requires = "airflow_password_file", value_name = "NAME")]
    pub airflow_user: Option<String>,
    /// File with that user's password
    #[arg(long, env = "UPDRAFT_AIRFLOW_PASSWORD_FILE", value_name = "FILE")]
    pub airflow_password_file: Option<PathBuf>,
    /// Name of the DAG bundle; the repository's name when not given
    #[arg(long, env = "UPDRAFT_BUNDLE", value_name = "NAME")]
    pub bundle: Option<String>,
    /// End after one commit was published or refused
    #[arg(long)]
    pub once: bool,
}

impl SyncSettings {
    /// The volume in which candidates are composed.
    pub(super) fn candidates_volume(&self) -> PathBuf {
        self.volume.clone().unwrap_or_else(|| self.state_dir.join("volume"))
    }
}

/// What `sync` does beside following.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub enum SyncAction {
    /// Print the last outcomes: published or refused, why, and what would work
    Status {
        /// json or text
        #[arg(long, default_value = "text", value_parser = ["json", "text"], value_name = "FORMAT")]
        format: String,
    },
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn secret(text: &str) -> Result<SecretString, std::convert::Infallible> {
    Ok(SecretString::from(text.to_owned()))
}
