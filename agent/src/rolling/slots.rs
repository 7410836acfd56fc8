use std::path::{Path, PathBuf};

use super::command;

/// Airflow's own default of `[celery] worker_concurrency`.
const DEFAULT: u32 = 16;
/// Airflow's variable for it.
const VARIABLE: &str = "AIRFLOW__CELERY__WORKER_CONCURRENCY";

/// Slots of a worker, found where Airflow finds them: the command, the variable, `airflow.cfg`, the default.
pub(crate) fn of_worker(worker: &[String]) -> u32 {
    let number = |text: String| text.trim().parse().ok().filter(|slots| *slots > 0);
    command::slots(worker)
        .or_else(|| number(std::env::var(VARIABLE).ok()?))
        .or_else(|| number(of_file(&std::fs::read_to_string(configuration()?).ok()?)?))
        .unwrap_or(DEFAULT)
}

/// Celery would change its slots by itself: by the command, the variable or `airflow.cfg`.
pub(crate) fn autoscales(worker: &[String]) -> bool {
    command::autoscales(worker)
        || std::env::var("AIRFLOW__CELERY__WORKER_AUTOSCALE").is_ok_and(|value| !value.is_empty())
        || configuration()
            .and_then(|path| std::fs::read_to_string(path).ok())
            .is_some_and(|text| option(&text, "worker_autoscale").is_some_and(|value| !value.is_empty()))
}

fn configuration() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("AIRFLOW_CONFIG") {
        return Some(path.into());
    }
    let home = std::env::var_os("AIRFLOW_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join("airflow")))?;
    Some(home.join("airflow.cfg"))
}

fn of_file(text: &str) -> Option<String> {
    option(text, "worker_concurrency")
}

/// An option of `[celery]` in a configuration file of Airflow.
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

    #[test]
    fn the_configuration_file_is_read_by_section() {
        let text = "[core]\nworker_concurrency = 1\n[celery]\n# worker_concurrency = 2\nworker_concurrency = 8\n[x]\n";
        assert_eq!(of_file(text).as_deref(), Some("8"));
        assert_eq!(of_file("[core]\nworker_concurrency = 1\n"), None);
    }
}
