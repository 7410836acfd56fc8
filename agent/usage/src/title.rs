/// What a process's title says about tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Title {
    /// Runs the attempt with this task instance id (Airflow 3).
    Runner { ti_id: String },
    /// A pool child that has run, or runs, this attempt (Airflow 3.3 and later; the title stays after the task).
    Supervisor { ti_id: String },
    /// Runs this task (Airflow 2); its supervisor's title names the map index, the runner's does not.
    Command { dag_id: String, task_id: String, run_id: String, map_index: Option<i64> },
    /// A pool child.
    Pool,
}

impl Title {
    pub(crate) fn read(title: &str) -> Option<Self> {
        if let Some(rest) = title.strip_prefix("airflow worker -- ") {
            return Some(Self::Runner { ti_id: first_word(rest)? });
        }
        if let Some(rest) = title.strip_prefix("airflow supervisor: ") {
            return Some(Self::Supervisor { ti_id: first_word(rest)? });
        }
        if let Some(rest) = title.strip_prefix("airflow task supervisor: ") {
            return command(&literals(rest));
        }
        if let Some(rest) = title.strip_prefix("airflow task runner: ") {
            // Run ids may hold blanks; the job id is the last word.
            let words: Vec<_> = rest.split_whitespace().collect();
            let [dag_id, task_id, run @ .., _job] = words.as_slice() else { return None };
            let (dag_id, task_id) = ((*dag_id).to_owned(), (*task_id).to_owned());
            return Some(Self::Command { dag_id, task_id, run_id: run.join(" "), map_index: None });
        }
        (title.starts_with("[celeryd: ") && title.contains("ForkPoolWorker")).then_some(Self::Pool)
    }

    /// The process runs an attempt at this moment.
    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Runner { .. } | Self::Command { .. })
    }
}

fn first_word(text: &str) -> Option<String> {
    text.split_whitespace().next().map(str::to_owned)
}

/// `['airflow', 'tasks', 'run', DAG, TASK, RUN, …]`, as Python prints the list.
fn literals(text: &str) -> Vec<&str> {
    text.trim_matches(['[', ']']).split(", ").map(|word| word.trim().trim_matches(['\'', '"'])).collect()
}

fn command(words: &[&str]) -> Option<Title> {
    let ["airflow", "tasks", "run", dag_id, task_id, run_id, options @ ..] = words else { return None };
    let map = options.windows(2).find(|pair| pair[0] == "--map-index").map(|pair| pair[1]);
    Some(Title::Command {
        dag_id: (*dag_id).to_owned(),
        task_id: (*task_id).to_owned(),
        run_id: (*run_id).to_owned(),
        map_index: Some(map.and_then(|index| index.parse().ok()).unwrap_or(-1)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_of_both_airflows_are_read() {
        let runner = |ti: &str| Some(Title::Runner { ti_id: ti.into() });
        assert_eq!(Title::read("airflow worker -- 0193-aa"), runner("0193-aa"));
        assert_eq!(
            Title::read("airflow supervisor: 0193-aa"),
            Some(Title::Supervisor { ti_id: "0193-aa".into() })
        );
        let task = |map_index| {
            Some(Title::Command {
                dag_id: "lab_mix".into(),
                task_id: "mapped".into(),
                run_id: "m1".into(),
                map_index,
            })
        };
        let supervisor = "airflow task supervisor: ['airflow', 'tasks', 'run', 'lab_mix', 'mapped', 'm1', \
            '--local', '--subdir', 'DAGS_FOLDER/lab_dag.py', '--map-index', '0']";
        assert_eq!(Title::read(supervisor), task(Some(0)));
        assert_eq!(Title::read("airflow task runner: lab_mix mapped m1 10"), task(None));
        assert_eq!(Title::read("[celeryd: w1@vm:ForkPoolWorker-4]"), Some(Title::Pool));
        for other in
            ["[celeryd: w1@vm:MainProcess] -active- (celery worker)", "sleep 45", "airflow worker -- "]
        {
            assert_eq!(Title::read(other), None, "{other}");
        }
    }
}
