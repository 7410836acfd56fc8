//! The program: arguments in, exit code out.

use std::process::ExitCode;

use autoscaler::cli::Cli;
use clap::Parser;

fn main() -> ExitCode {
    // Before anything that may speak TLS; a second installation is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { domain::exit::USAGE } else { domain::exit::OK };
            // Nothing better can be done when the terminal is gone.
            drop(error.print());
            return ExitCode::from(code);
        }
    };
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(autoscaler::commands::execute(cli)),
        Err(_) => ExitCode::from(domain::exit::UNAVAILABLE),
    }
}
