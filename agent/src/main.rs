//! `updraft-agent`: settings → build → run → staged shutdown → exit code.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use agent::settings::{Cli, Command, StatusSettings};
use agent::start::StartError;
use agent::sync::SyncError;
use agent::usage::Clock;
use agent::{chain, socket, start};
use anyhow::Context;
use daemon::settings::{SettingsError, resolve};
use daemon::{Signals, logging};
use domain::exit;

fn main() -> ExitCode {
    let resolved = match resolve::<Cli>(&std::env::args_os().collect::<Vec<_>>()) {
        Ok(resolved) => resolved,
        Err(SettingsError::CommandLine(error)) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { exit::USAGE } else { exit::OK });
        }
        Err(error) => return complain(&chain(&error), exit::USAGE),
    };
    if resolved.cli.output.print_config {
        return match writeln!(stdout(), "{}", resolved.printed) {
            Ok(()) => ExitCode::from(exit::OK),
            Err(_) => ExitCode::from(exit::UNAVAILABLE),
        };
    }
    match run(resolved.cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => explain(&error),
    }
}

fn run(cli: Cli) -> anyhow::Result<u8> {
    logging::init(cli.output.log_format, &cli.output.log)?;
    // Fails only when a provider is installed already, which is as good.
    drop(rustls::crypto::ring::default_provider().install_default());
    let runtime = tokio::runtime::Runtime::new().context("the runtime cannot be started")?;
    runtime.block_on(async {
        let signals = Signals::listen().context("signals cannot be listened to")?;
        let outcome = match cli.command {
            Command::Worker(settings) => start::worker(*settings, signals).await?,
            Command::Run(settings) => start::run(*settings, signals).await?,
            Command::Sync(settings) => match &settings.action {
                Some(action) => {
                    return Ok(if start::sync_status(&settings, action)? { exit::OK } else { exit::NOTHING });
                }
                None => start::sync(*settings, signals).await?,
            },
            Command::Status(settings) => return status(&settings).await,
        };
        tracing::info!(cause = %outcome.cause, clean = outcome.is_clean(), "ended");
        Ok(start::exit_code(&outcome))
    })
}

async fn status(settings: &StatusSettings) -> anyhow::Result<u8> {
    let overview = socket::overview(&settings.socket).await?;
    if settings.format == "json" {
        writeln!(stdout(), "{}", serde_json::to_string(&overview)?)?;
    } else {
        write!(stdout(), "{}", overview.text(Clock::start().now().wall_ms))?;
    }
    Ok(exit::OK)
}

/// What failed, what to do, and the exit code that scripts read.
fn explain(error: &anyhow::Error) -> ExitCode {
    let (code, hint) = if let Some(error) = error.downcast_ref::<StartError>() {
        (error.exit_code(), error.hint())
    } else if let Some(error) = error.downcast_ref::<SyncError>() {
        (if error.is_retryable() { exit::UNAVAILABLE } else { exit::DATA }, error.hint())
    } else {
        (exit::UNAVAILABLE, None)
    };
    let code = complain(&format!("{error:#}"), code);
    if let Some(hint) = hint {
        drop(writeln!(stderr(), "hint: {hint}"));
    }
    code
}

/// One line for people.
fn complain(message: &str, code: u8) -> ExitCode {
    let colour = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let (red, plain) = if colour { ("\u{1b}[31m", "\u{1b}[0m") } else { ("", "") };
    drop(writeln!(stderr(), "{red}error{plain}: {message}"));
    ExitCode::from(code)
}
