use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory};

use super::Cli;

/// Settings whose values are credentials or may hold some.
const SECRET: [&str; 3] = ["broker_url", "git_url", "costs_token"];

/// One `name = value  (source)` line a setting, sorted by name.
pub(super) fn settings(matches: &ArgMatches, from_file: &[String]) -> String {
    let Some((name, matches)) = matches.subcommand() else { return String::new() };
    let command = Cli::command();
    let Some(sub) = command.find_subcommand(name) else { return String::new() };
    let ids = sub.get_arguments().chain(command.get_arguments()).map(|arg| arg.get_id().as_str());
    let mut lines: Vec<_> = ids
        .filter(|id| !["print_config", "help", "version"].contains(id))
        .map(|id| {
            let Ok(Some(values)) = matches.try_get_raw(id) else { return format!("{id} is not set") };
            let value: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
            let value = if SECRET.contains(&id) { "(hidden)".to_owned() } else { value.join(" ") };
            format!("{id} = {value}  ({})", source(matches, id, from_file))
        })
        .collect();
    lines.sort();
    lines.join("\n")
}

fn source(matches: &ArgMatches, id: &str, from_file: &[String]) -> &'static str {
    match matches.value_source(id) {
        Some(ValueSource::CommandLine) => "flag",
        Some(ValueSource::EnvVariable) => "environment",
        Some(ValueSource::DefaultValue) if from_file.iter().any(|key| key == id) => "file",
        _ => "default",
    }
}
