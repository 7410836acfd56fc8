//! The command line and its settings.

mod broker_url;
mod worker_mode;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};
use daemon::settings::Output;
use domain::RepositoryName;

pub use crate::sync::SyncSettings;
pub use crate::usage::UsageSettings;
pub use broker_url::BrokerUrl;
pub use worker_mode::WorkerMode;

/// Keeps Airflow's workers, their code and their environments.
#[derive(Debug, Parser)]
#[command(name = "updraft-agent", version, max_term_width = 100)]
pub struct Cli {
    /// How it talks about itself.
    #[command(flatten)]
    pub output: Output,
    /// What it does.
    #[command(subcommand)]
    pub command: Command,
}

/// What the agent is for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Supervise a Celery worker: environments ready, drain, restart, logs
    Worker(Box<WorkerSettings>),
    /// Run a component inside the current environment of a repository; at a flip start new, end old
    Run(Box<RunSettings>),
    /// Follow a git repository: build, prove, publish, flip
    Sync(Box<SyncSettings>),
    /// Ask a worker's agent how it is
    Status(StatusSettings),
}

/// Where code and environments come from, and where they go on this machine.
#[derive(Debug, Clone, Args)]
pub struct Delivery {
    /// Object store: s3://bucket/prefix or file:///directory
    #[arg(long, env = "UPDRAFT_STORE", value_name = "URL")]
    pub store: Option<String>,
    /// Folder of trees and environments on this machine
    #[arg(long, env = "UPDRAFT_VOLUME", default_value = "/updraft", value_name = "DIR")]
    pub volume: PathBuf,
    /// Above this size of the volume, trees and environments that nobody names or uses are removed, the least recently
    /// used first; 0: no bound
    #[arg(long, env = "UPDRAFT_VOLUME_HIGH_BYTES", default_value_t = 40 << 30, value_name = "BYTES")]
    pub volume_high_bytes: u64,
    /// Size at which the removal ends
    #[arg(long, env = "UPDRAFT_VOLUME_LOW_BYTES", default_value_t = 32 << 30, value_name = "BYTES")]
    pub volume_low_bytes: u64,
    /// Seconds for which a tree or environment stays after its last use
    #[arg(long, env = "UPDRAFT_VOLUME_KEEP_S", default_value_t = 86_400, value_name = "S")]
    pub volume_keep_s: u64,
    /// Ref that is followed
    #[arg(long = "ref", env = "UPDRAFT_REF", default_value = domain::keys::DEFAULT_REF, value_name = "NAME")]
    pub reference: String,
    /// Milliseconds between two looks at a ref
    #[arg(long, env = "UPDRAFT_POLL_INTERVAL_MS", default_value_t = 2_000, value_name = "MS")]
    pub poll_interval_ms: u64,
    /// Interpreter of the base; the one beside the command, else python3 on PATH
    #[arg(long, env = "UPDRAFT_PYTHON", value_name = "PATH")]
    pub python: Option<PathBuf>,
    /// Airflow's Celery broker on Redis; carries nudges too
    #[arg(long, env = "UPDRAFT_BROKER_URL", hide_env_values = true, value_name = "URL")]
    pub broker_url: Option<BrokerUrl>,
    /// Name of this installation among those that share a Redis
    #[arg(long, env = "UPDRAFT_RELEASE", default_value = "default", value_name = "NAME")]
    pub release: String,
    /// Address of /livez, /readyz and /metrics
    #[arg(long, env = "UPDRAFT_ADMIN", value_name = "ADDRESS")]
    pub admin: Option<SocketAddr>,
}

/// `updraft-agent worker`.
#[derive(Debug, Clone, Args)]
pub struct WorkerSettings {
    /// Code and environments.
    #[command(flatten)]
    pub delivery: Delivery,
    /// Repositories whose environments are kept ready
    #[arg(long, env = "UPDRAFT_REPOSITORIES", value_delimiter = ',', value_name = "NAME")]
    pub repository: Vec<RepositoryName>,
    /// Pool this worker belongs to
    #[arg(long, env = "UPDRAFT_POOL", default_value = "default", value_name = "NAME")]
    pub pool: String,
    /// Local HTTP API over a unix socket
    #[arg(long, env = "UPDRAFT_SOCKET", value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// Celery node name, added to the command as `-H`; else the command's own -H, else celery@<host>
    #[arg(long, env = "UPDRAFT_WORKER_NAME", value_name = "NODE")]
    pub worker_name: Option<String>,
    /// Where a drain is remembered over restarts of the agent; default: beside the socket
    #[arg(long, env = "UPDRAFT_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Seconds from the start of a drain until the worker is ended with its tasks
    #[arg(long, env = "UPDRAFT_DRAIN_TIMEOUT_S", default_value_t = 86_400, value_name = "S")]
    pub drain_timeout_s: u64,
    /// How tasks come into their environment
    #[arg(long, env = "UPDRAFT_WORKER_MODE", value_enum, default_value_t = WorkerMode::Auto, value_name = "MODE")]
    pub mode: WorkerMode,
    /// Folder of the DAG files in the repository, for an Airflow 2 that reads them from dags_folder
    #[arg(long, env = "UPDRAFT_DAGS_SUBDIR", default_value = "dags", value_name = "DIR")]
    pub dags_subdir: PathBuf,
    /// Seconds for a worker process to be ready in a new environment; then the old one goes on
    #[arg(long, env = "UPDRAFT_READY_TIMEOUT_S", default_value_t = 180, value_name = "S")]
    pub ready_timeout_s: u64,
    /// Airflow's [logging] base_log_folder, of which task logs are shipped
    #[arg(long, env = "UPDRAFT_BASE_LOG_FOLDER", requires = "remote_log_folder", value_name = "DIR")]
    pub base_log_folder: Option<PathBuf>,
    /// Airflow's [logging] remote_base_log_folder: s3://bucket/prefix or file:///directory
    #[arg(long, env = "UPDRAFT_REMOTE_LOG_FOLDER", requires = "base_log_folder", value_name = "URL")]
    pub remote_log_folder: Option<String>,
    /// Remove the local log of a finished attempt once the store has confirmed all of it
    #[arg(long, env = "UPDRAFT_DELETE_LOCAL_LOGS", requires = "remote_log_folder", value_parser = FalseyValueParser::new())]
    pub delete_local_logs: bool,
    /// What tasks use.
    #[command(flatten)]
    pub usage: UsageSettings,
    /// The worker: airflow celery worker …
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `updraft-agent run`.
#[derive(Debug, Clone, Args)]
pub struct RunSettings {
    /// Code and environments.
    #[command(flatten)]
    pub delivery: Delivery,
    /// Repository whose environment the command runs in; without one it runs in the base
    #[arg(long, env = "UPDRAFT_REPOSITORY", value_name = "NAME")]
    pub repository: Option<RepositoryName>,
    /// Environment of the repository
    #[arg(
        long,
        env = "UPDRAFT_ENVIRONMENT",
        default_value = domain::publication::DEFAULT_ENVIRONMENT,
        value_name = "NAME"
    )]
    pub environment: String,
    /// Folder of the DAG files in the repository, for an Airflow 2 that reads them from dags_folder
    #[arg(long, env = "UPDRAFT_DAGS_SUBDIR", default_value = "dags", value_name = "DIR")]
    pub dags_subdir: PathBuf,
    /// Milliseconds for which old and new run side by side at a flip
    #[arg(long, env = "UPDRAFT_OVERLAP_MS", default_value_t = 3_000, value_name = "MS")]
    pub overlap_ms: u64,
    /// Seconds from SIGTERM until the command is ended
    #[arg(long, env = "UPDRAFT_STOP_TIMEOUT_S", default_value_t = 30, value_name = "S")]
    pub stop_timeout_s: u64,
    /// The component: airflow dag-processor, airflow triggerer …
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// `updraft-agent status`.
#[derive(Debug, Clone, Args)]
pub struct StatusSettings {
    /// The agent's socket
    #[arg(long, env = "UPDRAFT_SOCKET", value_name = "PATH")]
    pub socket: PathBuf,
    /// json or text
    #[arg(long, default_value = "text", value_parser = ["json", "text"], value_name = "FORMAT")]
    pub format: String,
}
