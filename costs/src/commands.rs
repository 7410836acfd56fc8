//! The subcommands, from arguments to exit code.

use std::io::{Write, stdout};

use daemon::settings::Output;
use domain::exit;

use crate::cli::{Cli, Command, Report, Serve};
use crate::clock::unix_ms;
use crate::failure::Failure;
use crate::{report, serve};

/// Width where stdout is no terminal.
const WIDTH: usize = 120;

/// Runs the command; what a script reads goes to stdout, everything else to stderr.
pub async fn execute(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Report(command) => print_report(&command).await,
        Command::Serve(command) => run_server(*command, &cli.output).await,
    };
    match done {
        Ok(code) => code,
        Err(failure) => failure.tell(),
    }
}

async fn print_report(command: &Report) -> Result<u8, Failure> {
    let figures = report::figures(command, unix_ms()).await?;
    let width = terminal_size::terminal_size().map_or(WIDTH, |(width, _)| usize::from(width.0));
    let text = report::render(command, &figures, width)?;
    stdout().write_all(text.as_bytes()).map_err(|error| {
        Failure::of(exit::UNAVAILABLE, &error, Some("is the other end of the pipe gone?"))
    })?;
    if command.check && !figures.identity.holds() {
        return Ok(Failure::new(
            exit::NOTHING,
            "the workers' measurement and the sum of their parts differ",
            Some("the report names the workers; their agents' logs say why"),
        )
        .tell());
    }
    Ok(exit::OK)
}

async fn run_server(command: Serve, output: &Output) -> Result<u8, Failure> {
    daemon::logging::init(output.log_format, &output.log)
        .map_err(|error| Failure::of(exit::USAGE, &error, Some("for example --log info,costs=debug")))?;
    let outcome = serve::run(command).await?;
    Ok(if outcome.is_clean() { exit::OK } else { exit::BUG })
}
