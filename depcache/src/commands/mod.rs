//! The commands of `depcache`: parse, call the library, print. No decision lives here.

mod args;
mod base;
mod build;
mod diff;
mod export;
mod failure;
mod fetch;
mod lock;
mod lock_check;
mod locked;
mod locking;
mod output;
mod progress;
mod proposal;
mod rules;
mod show;
mod sources;
mod upgrade;
mod why;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Turns requirements files into environments for Apache Airflow that start in seconds.
#[derive(Debug, Parser)]
#[command(name = "depcache", version, about)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Descriptions of bases.
    #[command(subcommand)]
    Base(base::Base),
    /// Resolves requirements against a base and writes a PEP 751 lock.
    Lock(Box<lock::Lock>),
    /// What differs between two locks, in words.
    Diff(diff::Diff),
    /// A lock as bill of materials, as requirements file with hashes, or as list of licences.
    Export(Box<export::Export>),
    /// Why an environment has a package, or has it not.
    Why(Box<why::Why>),
    /// Builds, verifies and publishes an environment; prints its id.
    Build(Box<build::Build>),
    /// Builds for several bases; what CI calls.
    Prewarm(Box<build::Prewarm>),
    /// Makes an environment usable on this machine; prints its path.
    Fetch(Box<fetch::Fetch>),
    /// What an environment consists of and what was proved about it.
    Show(show::Show),
    /// Compares all digests of an environment in the store.
    Verify(show::Verify),
}

/// Runs the command; answers the exit code.
pub(crate) async fn run(cli: Cli) -> u8 {
    let done = match cli.command {
        Command::Diff(command) => return told(diff::run(command).await),
        Command::Why(command) => return told(why::run(*command).await),
        Command::Base(command) => base::run(&command),
        Command::Lock(command) => lock::run(*command).await,
        Command::Export(command) => export::run(*command).await,
        Command::Build(command) => build::run(*command).await,
        Command::Prewarm(command) => build::prewarm(*command).await,
        Command::Fetch(command) => fetch::run(*command).await,
        Command::Show(command) => show::run(command).await,
        Command::Verify(command) => show::verify(command).await,
    };
    told(done.map(|()| domain::exit::OK))
}

fn told(done: Result<u8, Failure>) -> u8 {
    done.unwrap_or_else(|failure| failure.tell())
}

/// One or more lines for people.
#[expect(clippy::print_stderr, reason = "the one place where commands speak to people")]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}
