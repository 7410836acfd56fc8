use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

/// One `name = value  (source)` line a setting, sorted by name.
pub(super) fn settings(command: &Command, matches: &ArgMatches, from_file: &[String]) -> String {
    let Some((name, matches)) = matches.subcommand() else { return String::new() };
    let Some(sub) = command.find_subcommand(name) else { return String::new() };
    let mut lines: Vec<_> = sub
        .get_arguments()
        .chain(command.get_arguments())
        .filter(|argument| !["print_config", "help", "version"].contains(&argument.get_id().as_str()))
        .map(|argument| {
            let id = argument.get_id().as_str();
            let Ok(Some(values)) = matches.try_get_raw(id) else { return format!("{id} is not set") };
            let value: Vec<_> = values.map(|value| value.to_string_lossy().into_owned()).collect();
            let value =
                if argument.is_hide_env_values_set() { "(hidden)".to_owned() } else { value.join(" ") };
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
