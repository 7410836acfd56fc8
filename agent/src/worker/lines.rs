use agent_usage::Identity;

use super::command_lines::{self, Commanded};
use super::tasks::Task;

/// What a line of the worker's log says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The worker consumes its queues.
    Ready,
    /// A task begins.
    Begun(Box<Task>),
    /// A task of Airflow 2 begins; its log is to be looked for.
    Commanded(Box<Commanded>),
    /// A workload has ended.
    Ended {
        /// The task instance's or callback's id; Celery's on Airflow 2.
        id: String,
        /// `success`, `failed`, … where the line says.
        state: Option<String>,
    },
}

/// Reads a line of `airflow celery worker`, in text or JSON format. Lines that say nothing of interest: `None`.
pub fn read_line(line: &str) -> Option<Seen> {
    if line.contains("Executing workload") {
        return begun(line).map(|task| Seen::Begun(Box::new(task)));
    }
    if line.contains("Workload finished") {
        let after = &line[line.find("workload_id")? + "workload_id".len()..];
        let start = after.find(|c: char| c.is_ascii_hexdigit())?;
        let id: String = after[start..].chars().take_while(|c| c.is_ascii_hexdigit() || *c == '-').collect();
        let state = line.find("final_state").and_then(|at| word(&line[at + "final_state".len()..]));
        return (!id.is_empty()).then_some(Seen::Ended { id, state });
    }
    if line.contains("Executing command in Celery") {
        return command_lines::begun(line).map(|begun| Seen::Commanded(Box::new(begun)));
    }
    if let Some(id) = command_lines::ended(line) {
        return Some(Seen::Ended { id, state: None });
    }
    let mut words = line.split_whitespace();
    let ready =
        words.any(|word| word.contains('@')) && words.next().is_some_and(|word| word.starts_with("ready."));
    ready.then_some(Seen::Ready)
}

/// `log_path='…' ti=TaskInstanceDTO(id=UUID('…'), task_id='…', …)`, or `callback=CallbackDTO(id='…', …)`, as
/// Python prints the workload.
fn begun(line: &str) -> Option<Task> {
    let log_path = text(line, "log_path=")?;
    if let Some(start) = line.find("callback=CallbackDTO(") {
        let id = text(&line[start..], "id=")?;
        let identity = Identity {
            id: id.clone(),
            callback: true,
            map_index: -1,
            log_path: Some(log_path.clone()),
            ..Identity::default()
        };
        return Some(Task { name: format!("callback {id}"), id, log_path, identity });
    }
    let ti = &line[line.find("ti=TaskInstanceDTO(")?..];
    let number = |key: &str| -> Option<i64> {
        let after = &ti[find_key(ti, key)?..];
        let end = after.find(|c: char| !c.is_ascii_digit() && c != '-').unwrap_or(after.len());
        after[..end].parse().ok()
    };
    let (dag, task, run) = (text(ti, "dag_id=")?, text(ti, "task_id=")?, text(ti, "run_id=")?);
    let id = text(ti, "id=UUID(")?;
    let identity = Identity {
        id: id.clone(),
        ti_id: id.clone(),
        callback: false,
        dag_id: dag,
        task_id: task,
        run_id: run,
        map_index: number("map_index=").unwrap_or(-1),
        try_number: u32::try_from(number("try_number=")?).ok()?,
        queue: text(ti, "queue=").unwrap_or_default(),
        env_id: None,
        log_path: Some(log_path.clone()),
    };
    Some(Task { id, name: identity.name(), log_path, identity })
}

/// The value after a key, whatever stands between and around it: `=success`, `":"success"`,
/// `=<TaskInstanceState.SUCCESS: 'success'>`.
fn word(after: &str) -> Option<String> {
    let end = after.find([' ', ',', '}', '>']).unwrap_or(after.len());
    // Python's repr of an enum: its value stands after the name.
    let value = if after[..end].ends_with(':') { &after[end..] } else { &after[..end] };
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let value = value.trim_start_matches(|c| !is_letter(c));
    let word: String = value.chars().take_while(|c| is_letter(*c)).collect();
    (!word.is_empty()).then(|| word.to_lowercase())
}

/// Where the value of `key` begins; a key is not the end of a longer word.
fn find_key(text: &str, key: &str) -> Option<usize> {
    let found = text
        .match_indices(key)
        .find(|(at, _)| !text[..*at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))?;
    Some(found.0 + key.len())
}

/// A Python string literal after `key`, also when it stands inside a JSON string.
fn text(line: &str, key: &str) -> Option<String> {
    let value = &line[find_key(line, key)?..];
    let value = value.strip_prefix('\\').unwrap_or(value);
    let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    let end = value[1..].find(quote)?;
    Some(value[1..=end].trim_end_matches('\\').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGUN: &str = "2026-11-22T06:00:00Z [info] [0c1d] Executing workload in Celery: token='ey' ti=TaskInstanceDTO(id=UUID('0193-aa'), \
        dag_version_id=UUID('01'), task_id='fit', dag_id='etl', run_id='manual__1', try_number=2, map_index=3, hostname=None, \
        queue='heavy', pool_slots=1) dag_rel_path=PurePosixPath('a.py') bundle_info=BundleInfo(name='analytics', version='00000001-0123456789ab') \
        log_path='dag_id=etl/run_id=manual__1/task_id=fit/map_index=3/attempt=2.log' type='ExecuteTask' [celery]";

    #[test]
    fn a_task_is_read_from_text_and_from_json() {
        let json = format!("{{\"event\":\"{BEGUN}\"}}");
        for line in [BEGUN, &json] {
            let Some(Seen::Begun(task)) = read_line(line) else { panic!("{line}") };
            assert_eq!(task.log_path, "dag_id=etl/run_id=manual__1/task_id=fit/map_index=3/attempt=2.log");
            assert_eq!(task.to_string(), "etl.fit run manual__1 map 3 try 2");
            assert_eq!(task.id, "0193-aa");
            let identity = &task.identity;
            assert_eq!((identity.map_index, identity.try_number, &*identity.queue), (3, 2, "heavy"));
        }
    }

    #[test]
    fn a_callback_is_read() {
        let line = "[c1] Executing workload in Celery: token='ey' log_path='executor_callbacks/etl/r1/0193-cb' \
            callback=CallbackDTO(id='0193-cb', fetch_method='import_path', data={}) type='ExecuteCallback'";
        let Some(Seen::Begun(task)) = read_line(line) else { panic!("{line}") };
        assert_eq!((task.id.as_str(), task.to_string()), ("0193-cb", "callback 0193-cb".to_owned()));
        assert_eq!(task.log_path, "executor_callbacks/etl/r1/0193-cb");
    }

    #[test]
    fn the_end_of_a_workload_and_readiness_are_read() {
        for line in [
            "x Workload finished duration=1.2 exit_code=0 final_state=success workload_id=0193-ab",
            r#"{"event":"Workload finished","workload_id":"0193-ab","level":"info"}"#,
            r#"{"event":"Workload finished","final_state":"success","workload_id":"0193-ab"}"#,
            "x Workload finished exit_code=0 workload_id=UUID('0193-ab')",
        ] {
            // The `D` of UUID is a digit too; the id is what follows the quote.
            let line = line.replace("UUID(", "(");
            let Some(Seen::Ended { id, state }) = read_line(&line) else { panic!("{line}") };
            assert_eq!(id, "0193-ab", "{line}");
            let expected = line.contains("final_state").then(|| "success".to_owned());
            assert_eq!(state, expected, "{line}");
        }
        assert_eq!(read_line("[2026: INFO/MainProcess] w1@vm ready."), Some(Seen::Ready));
        assert_eq!(read_line("2026 [info     ] celery@vm ready. [celery.apps.worker]"), Some(Seen::Ready));
        assert_eq!(read_line("we are ready."), None);
    }
}
