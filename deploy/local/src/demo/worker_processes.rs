//! Celery's processes below a worker, as `/proc` shows them.

use crate::fleet::{self, Process};
use crate::state::State;

/// Start of Celery's titles; the node name follows.
const TITLE: &str = "[celeryd: ";
/// After the node name: a worker's main process.
const MAIN: &str = ":MainProcess]";
/// After the node name: a pool process.
const POOL: &str = ":ForkPoolWorker-";

/// The worker's main process above `pid`, or `pid` itself when it is one.
pub(super) fn worker_of(pid: u32) -> Option<u32> {
    above(&fleet::processes(), pid)
}

fn above(processes: &[Process], mut pid: u32) -> Option<u32> {
    loop {
        let process = processes.iter().find(|process| process.pid == pid)?;
        if is_main(process) {
            return Some(pid);
        }
        pid = process.parent;
    }
}

/// The most pool processes (slots) that a worker of `pool` has at this moment, over all its generations.
pub(super) fn most_slots(state: &State, pool: &str) -> usize {
    let processes = fleet::processes();
    let agents: Vec<u32> =
        fleet::workers(state, pool).into_iter().filter_map(|worker| worker.agent).collect();
    agents.iter().map(|agent| slots(&processes, *agent)).max().unwrap_or(0)
}

/// Pool processes of the workers below an agent.
fn slots(processes: &[Process], agent: u32) -> usize {
    let mains: Vec<u32> = processes
        .iter()
        .filter(|process| process.parent == agent && is_main(process))
        .map(|main| main.pid)
        .collect();
    let is_slot = |process: &&Process| process.title.starts_with(TITLE) && process.title.contains(POOL);
    processes.iter().filter(|process| mains.contains(&process.parent)).filter(is_slot).count()
}

fn is_main(process: &Process) -> bool {
    process.title.starts_with(TITLE) && process.title.contains(MAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_all_generations_of_one_agent_are_counted() {
        let process = |pid, parent, title: &str| Process { pid, parent, title: title.to_owned() };
        let processes = [
            process(10, 1, "updraft-agent worker"),
            process(11, 10, "[celeryd: default-1@vm:MainProcess] -active- (celery worker)"),
            process(12, 11, "[celeryd: default-1@vm:ForkPoolWorker-1]"),
            process(13, 12, "airflow task supervisor: ['airflow', 'tasks']"),
            process(14, 13, "airflow task runner: model fit r 7"),
            process(21, 10, "[celeryd: default-1.g2@vm:MainProcess] -active- (celery worker)"),
            process(22, 21, "[celeryd: default-1.g2@vm:ForkPoolWorker-3]"),
            process(31, 1, "[celeryd: other@vm:MainProcess]"),
            process(32, 31, "[celeryd: other@vm:ForkPoolWorker-1]"),
        ];
        assert_eq!(slots(&processes, 10), 2);
        assert_eq!(above(&processes, 14), Some(11));
        assert_eq!(
            (above(&processes, 21), above(&processes, 10), above(&processes, 99)),
            (Some(21), None, None)
        );
    }
}
