//! `depcache base describe`.

use std::path::PathBuf;

use super::{Failure, output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Base {
    /// Describes what an interpreter has installed, and what a ready Airflow worker has loaded.
    Describe {
        /// The interpreter.
        #[arg(long, value_name = "PATH")]
        python: String,
        /// File to write; standard output when absent.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub(crate) fn run(command: &Base) -> Result<(), Failure> {
    let Base::Describe { python, output } = command;
    let record = depcache::base::describe(python)?;
    let text = serde_json::to_string_pretty(&record)
        .map_err(|error| Failure::of(domain::exit::BUG, &error, None))?;
    output::write(output.as_deref(), &(text + "\n"))?;
    if output.is_some() {
        let id = record.base.id().map_err(|error| Failure::of(domain::exit::BUG, &error, None))?;
        let interpreter = &record.base.interpreter;
        super::say(&format!(
            "base {}: {} {}, {} distributions, {} of them loaded in a ready worker",
            id.short(),
            interpreter.implementation,
            interpreter.version,
            record.base.distributions.len(),
            record.loaded.len(),
        ));
    }
    Ok(())
}
