use clap::ValueEnum;

/// How tasks come into their environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkerMode {
    /// What the base's Airflow can do: `process` for Airflow 2, `task` for later ones
    Auto,
    /// One worker process in the base; each task process is switched to its environment (Airflow 3)
    Task,
    /// One worker process for each environment, rolled within the worker's slots
    Process,
}
