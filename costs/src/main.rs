//! `updraft-costs`: arguments in, exit code out.

use std::io::{Write as _, stdout};
use std::process::ExitCode;

use costs::cli::Cli;
use costs::failure::Failure;
use daemon::settings::{SettingsError, resolve};
use domain::exit;

fn main() -> ExitCode {
    // Before anything that may speak TLS; a second installation is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    let resolved = match resolve::<Cli>(&std::env::args_os().collect::<Vec<_>>()) {
        Ok(resolved) => resolved,
        Err(SettingsError::CommandLine(error)) => {
            // Nothing better can be done when the terminal is gone.
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
        Err(error) => return ExitCode::from(Failure::of(exit::USAGE, &error, None).tell()),
    };
    if resolved.cli.output.print_config {
        return match writeln!(stdout(), "{}", resolved.printed) {
            Ok(()) => ExitCode::from(exit::OK),
            Err(_) => ExitCode::from(exit::UNAVAILABLE),
        };
    }
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => ExitCode::from(runtime.block_on(costs::commands::execute(resolved.cli))),
        Err(_) => ExitCode::from(exit::UNAVAILABLE),
    }
}
