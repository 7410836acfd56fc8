use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use super::{Cli, printed};

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
    /// It gives a setting a table or a date.
    #[error("the configuration file {}: `{key}` is neither text, number, boolean nor a list of these", path.display())]
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
    /// One line a setting; credentials are not shown.
    pub printed: String,
}

/// Resolves the settings of a command line and this process's environment.
pub fn resolve(arguments: &[OsString]) -> Result<Resolved, SettingsError> {
    let first = Cli::command().try_get_matches_from(arguments)?;
    let Some(path) = first.get_one::<PathBuf>("config").cloned() else {
        return finish(&first, &[]);
    };
    let name = first.subcommand_name().unwrap_or_default();
    let entries = read(&path)?;
    let mut command = Cli::command();
    for (key, values) in &entries {
        let known = command
            .find_subcommand(name)
            .is_some_and(|sub| sub.get_arguments().any(|arg| arg.get_id() == key));
        if !known {
            return Err(SettingsError::Unknown { path, key: key.clone(), command: name.to_owned() });
        }
        // Clap keeps defaults as static text. A configuration file is read once, so this is no leak that grows.
        let values: Vec<&'static str> = values.iter().map(|value| &*value.clone().leak()).collect();
        command = command
            .mut_subcommand(name, |sub| sub.mut_arg(key, |arg| arg.required(false).default_values(values)));
    }
    let keys: Vec<_> = entries.into_iter().map(|(key, _)| key).collect();
    finish(&command.try_get_matches_from(arguments)?, &keys)
}

fn finish(matches: &ArgMatches, from_file: &[String]) -> Result<Resolved, SettingsError> {
    let printed = printed::settings(matches, from_file);
    Ok(Resolved { cli: Cli::from_arg_matches(matches)?, printed })
}

fn read(path: &Path) -> Result<Vec<(String, Vec<String>)>, SettingsError> {
    let failed = |source| SettingsError::Read { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(failed)?;
    let table: toml::Table = text
        .parse()
        .map_err(|source| SettingsError::Toml { path: path.to_owned(), source: Box::new(source) })?;
    let read_one = |(key, value): (String, toml::Value)| match values(value) {
        Some(values) => Ok((key, values)),
        None => Err(SettingsError::Shape { path: path.to_owned(), key }),
    };
    table.into_iter().map(read_one).collect()
}

fn values(value: toml::Value) -> Option<Vec<String>> {
    Some(match value {
        toml::Value::String(text) => vec![text],
        toml::Value::Integer(number) => vec![number.to_string()],
        toml::Value::Boolean(flag) => vec![flag.to_string()],
        toml::Value::Array(items) => items.into_iter().map(values).collect::<Option<Vec<_>>>()?.concat(),
        _ => return None,
    })
}
