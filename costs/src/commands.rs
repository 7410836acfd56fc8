//! The subcommands, from arguments to exit code.

use std::io::{Write, stdout};

use domain::exit;

use crate::cli::{Cli, Command, Report};
use crate::clock::unix_ms;
use crate::failure::Failure;
use crate::report;

/// Width where stdout is no terminal.
const WIDTH: usize = 120;

/// Runs the command; what a script reads goes to stdout, everything else to stderr.
pub async fn execute(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Report(command) => print_report(&command).await,
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
