//! The agent: keeps Airflow's workers, their code and their environments.

pub mod sync;
