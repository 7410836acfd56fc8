//! Settings, resolved once: flag, else `UPDRAFT_…` variable, else configuration file, else default.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};

use crate::cli::Cli;

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The command line is wrong, or asks for help: print it, it says everything.
    #[error(transparent)]
    CommandLine(#[from] clap::Error),
    /// The configuration file cannot be read.
    #[error("the configuration file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no TOML.
    #[error("the configuration file {} is no TOML", path.display())]
    Toml {
        /// The file.
        path: PathBuf,
        /// Line and column.
        source: Box<toml::de::Error>,
    },
    /// It names a setting that the command does not have.
    #[error("the configuration file {}: `{key}` is no setting of `{command}`", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The subcommand.
        command: String,
    },
    /// It gives a setting a table, a list or a date.
    #[error("the configuration file {}: `{key}` is neither text, number nor boolean", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}

/// The settings and, for people, where each came from.
#[derive(Debug)]
pub struct Resolved {
    /// The settings.
    pub cli: Cli,
    /// One line a setting.
    pub printed: String,
}

/// Resolves the settings of a command line and this process's environment.
pub fn resolve(arguments: &[OsString]) -> Result<Resolved, SettingsError> {
    let first = Cli::command().ignore_errors(true).try_get_matches_from(arguments)?;
    let Some(path) = first.get_one::<PathBuf>("config").cloned() else {
        return finish(&Cli::command().try_get_matches_from(arguments)?, &[]);
    };
    let name = first.subcommand_name().unwrap_or_default();
    let entries = read(&path)?;
    let mut command = Cli::command();
    for (key, value) in &entries {
        let known = command
            .find_subcommand(name)
            .is_some_and(|sub| sub.get_arguments().any(|argument| argument.get_id() == key));
        if !known {
            return Err(SettingsError::Unknown { path, key: key.clone(), command: name.to_owned() });
        }
        // Clap keeps defaults as static text. A configuration file is read once, so this is no leak that grows.
        let value: &'static str = value.clone().leak();
        command = command.mut_subcommand(name, |sub| {
            sub.mut_arg(key, |argument| argument.required(false).default_value(value))
        });
    }
    let keys: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
    finish(&command.try_get_matches_from(arguments)?, &keys)
}

fn finish(matches: &ArgMatches, from_file: &[String]) -> Result<Resolved, SettingsError> {
    Ok(Resolved { cli: Cli::from_arg_matches(matches)?, printed: printed(matches, from_file) })
}

fn read(path: &Path) -> Result<Vec<(String, String)>, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Read { path: path.to_owned(), source })?;
    let table: toml::Table = text
        .parse()
        .map_err(|source| SettingsError::Toml { path: path.to_owned(), source: Box::new(source) })?;
    let read_one = |(key, value): (String, toml::Value)| match value {
        toml::Value::String(text) => Ok((key, text)),
        toml::Value::Integer(number) => Ok((key, number.to_string())),
        toml::Value::Boolean(flag) => Ok((key, flag.to_string())),
        _ => Err(SettingsError::Shape { path: path.to_owned(), key }),
    };
    table.into_iter().map(read_one).collect()
}

/// One `name = value  (source)` line a setting, sorted by name.
fn printed(matches: &ArgMatches, from_file: &[String]) -> String {
    let Some((name, matches)) = matches.subcommand() else { return String::new() };
    let command = Cli::command();
    let Some(sub) = command.find_subcommand(name) else { return String::new() };
    let ids = sub.get_arguments().chain(command.get_arguments()).map(|argument| argument.get_id().as_str());
    let line = |id: &str| {
        let Ok(Some(values)) = matches.try_get_raw(id) else { return format!("{id} is not set") };
        let values: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
        format!("{id} = {}  ({})", values.join(" "), source(matches, id, from_file))
    };
    let mut lines: Vec<_> =
        ids.filter(|id| !["print_config", "help", "version"].contains(id)).map(line).collect();
    lines.sort();
    lines.join("\n") + "\n"
}

fn source(matches: &ArgMatches, id: &str, from_file: &[String]) -> &'static str {
    match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag",
        Some(ValueSource::EnvVariable) => "environment",
        Some(ValueSource::DefaultValue) if from_file.iter().any(|key| key == id) => "file",
        _ => "default",
    }
}
