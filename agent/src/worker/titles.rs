use std::collections::BTreeSet;

use domain::TaskCommand;

use crate::process::Process;

/// Airflow 3's task runner; the task instance's id follows.
const RUNNER_3: &str = "airflow worker -- ";
/// Airflow 2's supervisor of a task; its command line follows, as a Python list.
const SUPERVISOR_2: &str = "airflow task supervisor: ";
/// Airflow 2's task runner; DAG, task, run and job follow, without a map index.
const RUNNER_2: &str = "airflow task runner: ";

/// The work that these processes do, by the names that the worker's own answer gives it
/// (`broker::pidbox::TaskRow::work_id`).
pub(crate) fn running_tasks(processes: &[Process]) -> Vec<String> {
    let supervisors: BTreeSet<u32> = processes
        .iter()
        .filter(|process| process.title.starts_with(SUPERVISOR_2))
        .map(|process| process.pid)
        .collect();
    let mut tasks: Vec<_> = processes.iter().filter_map(|process| task(process, &supervisors)).collect();
    tasks.sort();
    tasks.dedup();
    tasks
}

/// The task of Airflow 2 that this process supervises.
pub(crate) fn supervised(process: &Process) -> Option<TaskCommand> {
    TaskCommand::parse_list(process.title.strip_prefix(SUPERVISOR_2)?)
}

fn task(process: &Process, supervisors: &BTreeSet<u32>) -> Option<String> {
    if let Some(command) = supervised(process) {
        return Some(command.to_string());
    }
    let rest = match process.title.strip_prefix(RUNNER_3) {
        Some(rest) => rest,
        // Told by its supervisor, unless that one has died.
        None if supervisors.contains(&process.parent) => return None,
        None => {
            let title = [RUNNER_2, SUPERVISOR_2].iter().find_map(|title| process.title.strip_prefix(title));
            title?
        }
    };
    Some(rest.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: u32, parent: u32, title: &str) -> Process {
        Process { pid, parent, group: pid, start_ticks: 1, zombie: false, title: title.to_owned() }
    }

    #[test]
    fn titles_of_both_airflows_name_each_task_once() {
        let supervisor = "airflow task supervisor: ['airflow', 'tasks', 'run', 'lab', 'mapped', 'm1', '--local', \
            '--subdir', 'DAGS_FOLDER/lab.py', '--map-index', '0']";
        let processes = [
            process(2, 1, "[celeryd: v1@vm:ForkPoolWorker-1]"),
            process(3, 2, supervisor),
            process(4, 3, "airflow task runner: lab mapped m1 10"),
            process(5, 1, "airflow task runner: lab orphan m1 11"),
            process(6, 1, "airflow worker -- 0193-aa"),
            process(7, 1, "airflow supervisor: 0193-old"),
        ];
        assert_eq!(running_tasks(&processes), ["0193-aa", "lab orphan m1 11", "lab.mapped run m1 map 0"]);
    }
}
