//! How many tasks a worker runs at once, found where Airflow finds it.

use std::path::{Path, PathBuf};

/// Flags of `airflow celery worker` that give its slots.
pub(crate) const SLOTS_FLAGS: [&str; 2] = ["-c", "--concurrency"];
/// Flags that let Celery change its slots by itself.
const AUTOSCALE_FLAGS: [&str; 2] = ["-a", "--autoscale"];
/// Airflow's own default of `[celery] worker_concurrency`.
const DEFAULT: u32 = 16;

/// Slots of a worker: by its command, the variable, `airflow.cfg`, the default.
pub fn slots(command: &[String]) -> u32 {
    let number = |text: &str| text.trim().parse().ok().filter(|slots| *slots > 0);
    let flag = value(command, &SLOTS_FLAGS).and_then(number);
    flag.or_else(|| number(&setting("WORKER_CONCURRENCY")?)).unwrap_or(DEFAULT)
}

/// Celery would change its slots by itself: by the command, the variable or `airflow.cfg`.
pub fn autoscales(command: &[String]) -> bool {
    value(command, &AUTOSCALE_FLAGS).is_some()
        || setting("WORKER_AUTOSCALE").is_some_and(|value| !value.is_empty())
}

/// The value of the last of these flags.
fn value<'a>(command: &'a [String], flags: &[&str]) -> Option<&'a str> {
    let mut found = None;
    for (index, word) in command.iter().enumerate() {
        if flags.contains(&word.as_str()) {
            found = command.get(index + 1).map(String::as_str);
        } else if let Some(value) = flags.iter().find_map(|flag| joined(word, flag)) {
            found = Some(value);
        }
    }
    found
}

/// The value that stands in one word with its flag: `--concurrency=4`, `-c4`.
pub(crate) fn joined<'a>(word: &'a str, flag: &str) -> Option<&'a str> {
    let rest = word.strip_prefix(flag)?;
    match rest.strip_prefix('=') {
        Some(value) => Some(value),
        None => (!flag.starts_with("--") && rest.starts_with(|c: char| c.is_ascii_digit())).then_some(rest),
    }
}

/// An option of `[celery]`.
fn setting(name: &str) -> Option<String> {
    if let Ok(value) = std::env::var(format!("AIRFLOW__CELERY__{name}")) {
        return Some(value);
    }
    option(&std::fs::read_to_string(configuration()?).ok()?, &name.to_ascii_lowercase())
}

fn configuration() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("AIRFLOW_CONFIG") {
        return Some(path.into());
    }
    let home = std::env::var_os("AIRFLOW_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join("airflow")))?;
    Some(home.join("airflow.cfg"))
}

fn option(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().map(str::trim);
    let section = lines.skip_while(|line| *line != "[celery]").skip(1);
    let mut options = section.take_while(|line| !line.starts_with('['));
    options.find_map(|line| {
        let (key, value) = line.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn slots_are_read_from_the_command() {
        for (command, expected) in [("w -c 8", 8), ("w --concurrency=3", 3), ("w -c4", 4), ("w -c 4 -c 5", 5)]
        {
            assert_eq!(slots(&words(command)), expected, "{command}");
        }
        assert!(autoscales(&words("w -a 8,2")) && !autoscales(&words("w -c 8")));
    }

    #[test]
    fn the_configuration_file_is_read_by_section() {
        let text = "[core]\nworker_concurrency = 1\n[celery]\n# worker_concurrency = 2\nworker_concurrency = 8\n[x]\n";
        assert_eq!(option(text, "worker_concurrency").as_deref(), Some("8"));
        assert_eq!(option("[core]\nworker_concurrency = 1\n", "worker_concurrency"), None);
    }
}
