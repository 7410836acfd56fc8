//! Settings of a program, resolved once: flag, else variable, else configuration file, else default.
//!
//! The configuration file is TOML: `keep_days = 30` is the default of `--keep-days` of the subcommand that is run.
//! The program's `Parser` has an argument `config` with the file's path; [`Output`] brings it.

mod printed;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, CommandFactory, FromArgMatches};

use crate::logging::Format;

/// How a program talks about itself.
#[derive(Debug, Clone, Args)]
pub struct Output {
    /// Log lines on stderr: auto (text on a terminal, else json), json or text
    #[arg(long, global = true, env = "UPDRAFT_LOG_FORMAT", default_value = "auto", value_name = "FORMAT")]
    pub log_format: Format,
    /// What is logged, as directives: `info,module=debug`
    #[arg(long, global = true, env = "UPDRAFT_LOG", default_value = "info", value_name = "DIRECTIVES")]
    pub log: String,
    /// TOML file with defaults for the flags of this command: `drain_timeout_s = 3600`
    #[arg(long, global = true, env = "UPDRAFT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings and where each comes from, and end
    #[arg(long, global = true)]
    pub print_config: bool,
}

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
pub struct Resolved<C> {
    /// The settings.
    pub cli: C,
    /// One line a setting; credentials (arguments with `hide_env_values`) are not shown.
    pub printed: String,
}

/// Resolves the settings of a command line and this process's environment.
pub fn resolve<C: CommandFactory + FromArgMatches>(
    arguments: &[OsString],
) -> Result<Resolved<C>, SettingsError> {
    // What is required may stand in the file: the first look only finds it.
    let first = C::command().ignore_errors(true).try_get_matches_from(arguments)?;
    let Some(path) = first.get_one::<PathBuf>("config").cloned() else {
        return finish(&C::command().try_get_matches_from(arguments)?, &[]);
    };
    let name = first.subcommand_name().unwrap_or_default();
    let entries = read(&path)?;
    let mut command = C::command();
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

fn finish<C: CommandFactory + FromArgMatches>(
    matches: &ArgMatches,
    from_file: &[String],
) -> Result<Resolved<C>, SettingsError> {
    let printed = printed::settings(&C::command(), matches, from_file);
    Ok(Resolved { cli: C::from_arg_matches(matches)?, printed })
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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use clap::{Parser, Subcommand};

    use super::*;

    #[derive(Debug, Parser)]
    struct Cli {
        #[command(flatten)]
        output: Output,
        #[command(subcommand)]
        command: Command,
    }

    #[derive(Debug, Subcommand)]
    enum Command {
        Follow {
            #[arg(long)]
            url: String,
            #[arg(long, hide_env_values = true, default_value = "hunter2")]
            token: String,
            #[arg(long, value_delimiter = ' ')]
            refs: Vec<String>,
        },
    }

    fn resolved(config: &str, more: &[&str]) -> Result<Resolved<Cli>, SettingsError> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(config.as_bytes()).unwrap();
        let path = file.path().to_str().unwrap();
        let line = [&["program", "follow", "--config", path], more].concat();
        resolve(&line.iter().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn a_flag_beats_the_file_which_gives_what_is_required() {
        let answer = resolved("url = 'file'\nrefs = ['main', 'dev']\n", &[]).unwrap();
        let Command::Follow { url, token, refs } = answer.cli.command;
        assert_eq!((url.as_str(), token.as_str()), ("file", "hunter2"));
        assert_eq!(refs, ["main", "dev"]);
        assert!(answer.printed.contains("url = file  (file)"), "{}", answer.printed);
        assert!(answer.printed.contains("token = (hidden)  (default)"), "{}", answer.printed);
        assert!(answer.cli.output.config.is_some() && !answer.cli.output.print_config);

        let answer = resolved("url = 'file'\n", &["--url", "flag"]).unwrap();
        assert!(answer.printed.contains("url = flag  (flag)"), "{}", answer.printed);
    }

    #[test]
    fn a_file_that_says_nothing_useful_is_refused_by_key() {
        let refused = |config: &str| resolved(config, &["--url", "x"]).unwrap_err();
        assert!(matches!(refused("tocken = 'x'"), SettingsError::Unknown { key, .. } if key == "tocken"));
        assert!(matches!(refused("url = 2026-11-23"), SettingsError::Shape { key, .. } if key == "url"));
        assert!(matches!(refused("url ="), SettingsError::Toml { .. }));
    }

    #[test]
    fn what_stands_nowhere_is_a_mistake_of_the_command_line() {
        assert!(matches!(resolved("", &[]).unwrap_err(), SettingsError::CommandLine(_)));
    }
}
