//! `updraft-costs`: arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser;
use costs::cli::Cli;
use domain::exit;

fn main() -> ExitCode {
    // Before anything that may speak TLS; a second installation is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { exit::USAGE } else { exit::OK };
            // Nothing better can be done when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => ExitCode::from(runtime.block_on(costs::commands::execute(cli))),
        Err(_) => ExitCode::from(exit::UNAVAILABLE),
    }
}
