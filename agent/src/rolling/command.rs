use std::path::Path;

use domain::worker_node::generation_node;

use crate::worker::{SLOTS_FLAGS, joined, node_name};

/// Flags that leave out the worker's log server.
const NO_LOG_SERVER: [&str; 2] = ["-s", "--skip-serve-logs"];

/// The command of a generation of the worker `node`: its own node name, without slots (they are added at each
/// start). `scripts` is the base's folder of programs; a program there is looked up on the generation's `PATH`.
pub(super) fn of_generation(command: &[String], node: &str, generation: u32, scripts: &Path) -> Vec<String> {
    let mut command = without(command, &SLOTS_FLAGS);
    if let Some(program) = command.first_mut() {
        let path = Path::new(program.as_str());
        if path.is_absolute()
            && path.parent() == Some(scripts)
            && let Some(name) = path.file_name().and_then(|name| name.to_str())
        {
            *program = name.to_owned();
        }
    }
    // The first generation's log server may still hold the port.
    if generation > 1 && !command.iter().any(|word| NO_LOG_SERVER.contains(&word.as_str())) {
        command.push(NO_LOG_SERVER[1].to_owned());
    }
    node_name(&command, Some(&generation_node(node, generation)), "").command
}

fn without(command: &[String], flags: &[&str]) -> Vec<String> {
    let mut left = Vec::new();
    let mut words = command.iter();
    while let Some(word) = words.next() {
        if flags.contains(&word.as_str()) {
            words.next();
        } else if !flags.iter().any(|flag| joined(word, flag).is_some()) {
            left.push(word.clone());
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn generations_have_names_and_no_slots_of_their_own() {
        let command = words("/base/bin/airflow celery worker -q a -c 8 -H w1@%h");
        let of = |generation| of_generation(&command, "w1@pod", generation, Path::new("/base/bin")).join(" ");
        assert_eq!(of(1), "airflow celery worker -q a -H w1@pod");
        assert_eq!(of(3), "airflow celery worker -q a --skip-serve-logs -H w1.g3@pod");
        let other = of_generation(&words("/opt/x -s"), "celery@pod", 2, Path::new("/base/bin"));
        assert_eq!(other.join(" "), "/opt/x -s -H celery.g2@pod");
    }
}
