//! `depcache`: from a requirements file to a ready environment, on the command line.

mod commands;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    // Errors mean that a provider is installed already.
    rustls::crypto::ring::default_provider().install_default().ok();
    // Half of the index writes version ranges that the parser mends and warns about; users cannot mend them.
    let filter =
        EnvFilter::try_from_env("UPDRAFT_LOG").unwrap_or_else(|_| EnvFilter::new("warn,uv_pypi_types=error"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = match commands::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            error.print().ok();
            return ExitCode::from(if error.use_stderr() { domain::exit::USAGE } else { domain::exit::OK });
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            commands::say(&format!("error: the runtime cannot be started: {error}"));
            return ExitCode::from(domain::exit::UNAVAILABLE);
        }
    };
    let code = runtime.block_on(commands::run(cli));
    // What was asked for ahead and is needed no more (a slow name server's answer) does not hold the end up.
    runtime.shutdown_background();
    ExitCode::from(code)
}
