use clap::Args;

/// How usage is measured and where it goes.
#[derive(Debug, Clone, Args)]
pub struct UsageSettings {
    /// Name of this installation in usage rows
    #[arg(long, env = "UPDRAFT_CLUSTER", default_value = "local", value_name = "NAME")]
    pub cluster: String,
    /// Thousandths of a CPU that this worker is allotted; default: cgroup limit, else one CPU a slot
    #[arg(long, env = "UPDRAFT_CPU_MILLI", value_name = "N")]
    pub cpu_milli: Option<u64>,
    /// Bytes of memory that this worker is allotted; default: cgroup limit, else the machine's per CPU
    #[arg(long, env = "UPDRAFT_MEMORY_BYTES", value_name = "BYTES")]
    pub memory_bytes: Option<u64>,
    /// Milliseconds between two looks at the processes
    #[arg(long, env = "UPDRAFT_USAGE_SAMPLE_MS", default_value_t = 1_000, value_name = "MS")]
    pub usage_sample_ms: u64,
    /// Seconds without CPU, log line and IO after which a running task counts as stuck
    #[arg(long, env = "UPDRAFT_STUCK_AFTER_S", default_value_t = 600, value_name = "S")]
    pub stuck_after_s: u64,
    /// Cost service that gets live usage: http://host:port
    #[arg(long, env = "UPDRAFT_COSTS_URL", value_name = "URL")]
    pub costs_url: Option<String>,
    /// Bearer token for it
    #[arg(long, env = "UPDRAFT_COSTS_TOKEN", hide_env_values = true, value_name = "TOKEN")]
    pub costs_token: Option<secrecy::SecretString>,
}
