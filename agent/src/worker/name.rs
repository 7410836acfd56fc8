/// A worker's Celery node name and the command that carries it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeName {
    /// `celery@<host>`, as the worker will call itself.
    pub node: String,
    /// The command, with `-H` where a name was asked for.
    pub command: Vec<String>,
}

/// The name as object keys and file names take it: parts of logs and writers of usage are named by it.
pub(crate) fn plain_name(node: &str) -> String {
    node.chars().map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '-' }).collect()
}

/// Flags of `airflow celery worker` that give the node name.
const FLAGS: [&str; 2] = ["-H", "--celery-hostname"];

/// The name that `command` will have on `host`. `asked` replaces what the command says.
pub fn node_name(command: &[String], asked: Option<&str>, host: &str) -> NodeName {
    let mut command = command.to_vec();
    if let Some(name) = asked {
        remove_name(&mut command);
        command.extend(["-H".to_owned(), name.to_owned()]);
    }
    let named = asked.map(str::to_owned).or_else(|| find_name(&command));
    NodeName { node: expand(named.as_deref().unwrap_or_default(), host), command }
}

fn find_name(command: &[String]) -> Option<String> {
    let mut name = None;
    for (index, word) in command.iter().enumerate() {
        if FLAGS.contains(&word.as_str()) {
            name = command.get(index + 1).cloned();
        } else if let Some(value) = FLAGS.iter().find_map(|flag| word.strip_prefix(flag)?.strip_prefix('=')) {
            name = Some(value.to_owned());
        }
    }
    name
}

fn remove_name(command: &mut Vec<String>) {
    while let Some(index) = command.iter().position(|word| FLAGS.contains(&word.as_str())) {
        command.drain(index..(index + 2).min(command.len()));
    }
    command.retain(|word| !FLAGS.iter().any(|flag| word.starts_with(&format!("{flag}="))));
}

/// As Celery does it: `name@host`, `celery` for a missing name, `%h`, `%n` and `%d` replaced.
fn expand(text: &str, host: &str) -> String {
    let (name, place) = match text.split_once('@') {
        Some((name, place)) => (name, place),
        None => ("", text),
    };
    let name = if name.is_empty() { "celery" } else { name };
    let place = if place.is_empty() { host } else { place };
    let (short, domain) = host.split_once('.').unwrap_or((host, ""));
    format!("{name}@{place}")
        .replace("%h", host)
        .replace("%n", short)
        .replace("%d", domain)
        .replace("%%", "%")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn names_are_those_of_celery() {
        for (command, asked, expected) in [
            ("airflow celery worker", None, "celery@pod-1"),
            ("airflow celery worker -H w1@%h", None, "w1@pod-1"),
            ("airflow celery worker --celery-hostname=etl", None, "celery@etl"),
            ("airflow celery worker -H w1@%h", Some("w2@%h"), "w2@pod-1"),
        ] {
            assert_eq!(node_name(&words(command), asked, "pod-1").node, expected, "{command}");
        }
    }

    #[test]
    fn an_asked_name_replaces_the_commands_own() {
        let name = node_name(&words("airflow celery worker -H old@%h -q a"), Some("new@%h"), "h");
        assert_eq!(name.command, words("airflow celery worker -q a -H new@%h"));
    }
}
